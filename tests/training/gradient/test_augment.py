"""Augmentation of one photo and mixing of a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient.augment import build_augmentation, build_mixing, normalize
from fieldmark.training.gradient.decoded_photos import PhotoStore, TrainPhotos, ValPhotos, train_store, val_store
from fieldmark.training.gradient.samplers import EpochBatches, EpochDraws

SMALL = Preprocess(image_size=32)


@pytest.mark.parametrize("randaugment", [0, 9])
def test_a_photo_of_any_shape_becomes_a_uint8_square(randaugment):
    augmentation = build_augmentation(SMALL, FineTune.Settings(randaugment=randaugment))
    for height, width in ((40, 90), (200, 33), (7, 5)):
        square = augmentation(torch.randint(0, 256, (3, height, width), dtype=torch.uint8))
        assert square.shape == (3, 32, 32)
        assert square.dtype == torch.uint8


def test_the_seed_of_a_draw_decides_its_augmentation(drawings):
    photos = TrainPhotos(train_store(drawings, SMALL), build_augmentation(SMALL, FineTune.Settings(crop_scale=0.2)))
    state = torch.random.get_rng_state()
    first, label = photos[3, 11]
    assert label == drawings[3].label
    assert torch.equal(first, photos[3, 11][0])
    assert not torch.equal(first, photos[3, 12][0])
    assert torch.equal(state, torch.random.get_rng_state())


def test_worker_processes_change_nothing(drawings):
    photos = TrainPhotos(train_store(drawings, SMALL), build_augmentation(SMALL, FineTune.Settings(randaugment=9)))

    def epoch(workers):
        batches = EpochBatches(EpochDraws(drawings.labels, seed=2), 3)
        return [images for images, _ in DataLoader(photos, batch_sampler=batches, num_workers=workers)]

    for alone, helped in zip(epoch(0), epoch(2), strict=True):
        assert torch.equal(alone, helped)


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_mixed_labels_are_probabilities_and_the_mean_is_kept(mixup, cutmix):
    mixing = build_mixing(FineTune.Settings(mixup=mixup, cutmix=cutmix), num_classes=7)
    labels = torch.arange(6)
    images = labels.float()[:, None, None, None].expand(6, 3, 8, 8).contiguous()
    mixed, soft = mixing(images, labels)
    assert soft.shape == (6, 7)
    assert torch.allclose(soft.sum(1), torch.ones(6))
    # Image k holds the number k everywhere, so the label's mean has to be the image's mean.
    assert torch.allclose(mixed.mean((1, 2, 3)), soft @ torch.arange(7.0), atol=1e-5)


def test_there_is_no_mixing_unless_asked_for():
    assert build_mixing(FineTune.Settings(mixup=0, cutmix=0), num_classes=7) is None


def test_normalize_equals_the_slow_formula():
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8)
    expected = torch.empty(2, 3, 4, 5)
    for channel in range(3):
        expected[:, channel] = (images[:, channel] / 255 - SMALL.mean[channel]) / SMALL.std[channel]
    assert torch.allclose(normalize(images, SMALL), expected, atol=1e-6)


def test_val_photos_are_exactly_what_preprocess_gives(drawings):
    from PIL import Image

    photos = ValPhotos(val_store(drawings, SMALL))
    for (pixels, label), record in zip((photos[i] for i in range(len(photos))), drawings, strict=True):
        assert label == record.label
        assert np.array_equal(pixels.permute(1, 2, 0).numpy(), SMALL(Image.open(record.path).convert("RGB")))


@pytest.mark.parametrize(("resize", "shape"), [("crop", (37, 46, 3)), ("squash", (37, 37, 3)), ("pad", (37, 37, 3))])
def test_photos_to_crop_from_keep_the_geometry_of_the_preprocessing(drawings, resize, shape):
    assert train_store(drawings, Preprocess(image_size=32, resize=resize))[0].shape == shape


def test_photos_beyond_the_memory_limit_are_decoded_each_time(drawings):
    decoded = []

    def load(record):
        decoded.append(record)
        return np.zeros((2, 2, 3), dtype=np.uint8)

    records = list(drawings) * 16
    store = PhotoStore(records, load, keep_bytes=10)
    assert len(decoded) == 64
    assert [store[0].shape, store[127].shape] == [(2, 2, 3)] * 2
    assert len(decoded) == 65
