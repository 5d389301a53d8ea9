"""Crops, mirror images, RandAugment, MixUp and CutMix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision import transforms

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient.augment import crop_each, distort_each, draw_crops, mix_photos, normalize
from fieldmark.training.gradient.device_photos import DevicePhotos, scaling_weights

SMALL = Preprocess(image_size=32)
SIZES = ((40, 90), (200, 33), (7, 5), (64, 64))


def photos() -> list[np.ndarray]:
    """Noise of four sizes, smoothed a little, with black and white edges that make bicubic filters overshoot."""
    random = np.random.default_rng(0)
    made = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
    for photo in made:
        photo[:, : photo.shape[1] // 2] = photo[:, : photo.shape[1] // 2] // 2 + 64
        photo[: len(photo) // 4] = 255
    return made


def test_crops_lie_inside_of_the_photo_and_follow_from_their_seeds():
    sizes = np.array(SIZES * 500)
    crops = draw_crops(range(2000), sizes, 0.3)
    assert (crops.top >= 0).all()
    assert (crops.left >= 0).all()
    assert (crops.top + crops.height <= sizes[:, 0]).all()
    assert (crops.left + crops.width <= sizes[:, 1]).all()
    assert (crops.height > 0).all()
    assert (crops.width > 0).all()
    alone = draw_crops([1234], sizes[1234:1235], 0.3)
    assert (alone.top[0], alone.width[0], alone.mirrored[0]) == tuple(
        part[1234] for part in (crops.top, crops.width, crops.mirrored)
    )
    assert 900 < crops.mirrored.sum() < 1100


def test_crops_are_distributed_as_those_of_torchvision():
    count, size = 4000, (120, 160)
    ours = draw_crops(range(count), np.array([size] * count), 0.3)
    photo = torch.empty(3, *size)
    theirs = np.array(
        [transforms.RandomResizedCrop.get_params(photo, [0.3, 1.0], [3 / 4, 4 / 3]) for _ in range(count)]
    )
    for place, part in enumerate((ours.top, ours.left, ours.height, ours.width)):
        assert part.mean() == pytest.approx(theirs[:, place].mean(), abs=2.0)
        assert part.std() == pytest.approx(theirs[:, place].std(), abs=2.0)


def test_a_photo_without_a_fitting_window_gives_its_largest_centred_one():
    crops = draw_crops([3, 4], np.array([(10, 1000), (1000, 10)]), 1.0)
    assert crops.top.tolist() == [0, 493]
    assert crops.left.tolist() == [493, 0]
    assert crops.height.tolist() == [10, 13]
    assert crops.width.tolist() == [13, 10]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("side", [24, 96])
def test_crops_cut_together_equal_those_cut_one_by_one(interpolation, side):
    preprocess = Preprocess(image_size=side, interpolation=interpolation)
    made = photos() * 4
    crops = draw_crops(range(len(made)), np.array([photo.shape[:2] for photo in made]), 0.4)
    one_by_one = crop_each(made, crops, preprocess)
    together = DevicePhotos(made, torch.device("cpu")).crop(list(range(len(made))), crops, preprocess)
    assert one_by_one.dtype == together.dtype == torch.uint8
    assert together.shape == (len(made), 3, side, side)
    difference = (one_by_one.int() - together.int()).abs()
    assert difference.max() <= 2
    assert difference.float().mean() < 0.25  # torchvision rounds after each of its two passes


def test_scaling_weights_keep_a_grey_photo_grey():
    weights = scaling_weights(torch.tensor([50, 31]), 20, 64, "bicubic")
    assert torch.allclose(weights.sum(2), torch.ones(2, 20), atol=1e-6)
    assert not weights[1, :, 31:].any()


def test_the_seed_decides_randaugment():
    squares = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    state = torch.random.get_rng_state()
    first = distort_each(squares, [1, 2, 3], 9, SMALL)
    assert first.shape == squares.shape
    assert first.dtype == torch.uint8
    assert torch.equal(first, distort_each(squares, [1, 2, 3], 9, SMALL))
    assert not torch.equal(first, distort_each(squares, [4, 5, 6], 9, SMALL))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_mixed_labels_are_probabilities_and_the_mean_is_kept(mixup, cutmix):
    settings = FineTune.Settings(mixup=mixup, cutmix=cutmix)
    labels = torch.arange(6)
    images = labels.float()[:, None, None, None].expand(6, 3, 8, 8).contiguous()
    seen = set()
    for seed in range(20):
        mixed, soft = mix_photos(images, labels, settings, 7, seed)
        assert soft.shape == (6, 7)
        assert torch.allclose(soft.sum(1), torch.ones(6))
        # Image k holds the number k everywhere, so the label's mean must be the image's mean.
        assert torch.allclose(mixed.mean((1, 2, 3)), soft @ torch.arange(7.0), atol=1e-5)
        seen.add(float(soft[0, 0]))
    assert len(seen) > 5


def test_there_is_no_mixing_unless_asked_for():
    images, labels = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])
    mixed = mix_photos(images, labels, FineTune.Settings(mixup=0, cutmix=0), 7, 0)
    assert mixed[0] is images
    assert mixed[1] is labels


def test_normalize_equals_the_slow_formula():
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8)
    expected = torch.empty(2, 3, 4, 5)
    for channel in range(3):
        expected[:, channel] = (images[:, channel] / 255 - SMALL.mean[channel]) / SMALL.std[channel]
    assert torch.allclose(normalize(images, SMALL), expected, atol=1e-6)
