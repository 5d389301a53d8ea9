"""Batches of photos: what decides them, and where the photos lie meanwhile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient import photo_batches as module
from fieldmark.training.gradient.hardware import start_fabric
from fieldmark.training.gradient.photo_batches import TrainingPhotos, ValPhotos
from fieldmark.training.gradient.photo_store import PhotoStore, train_store

SMALL = Preprocess(image_size=32)
SETTINGS = FineTune.Settings(batch_size=3, crop_scale=0.4)


@pytest.fixture(scope="module")
def fabric():
    return start_fabric(torch.device("cpu"), half=False)


def epoch(drawings, fabric, settings=SETTINGS, number=0) -> list[torch.Tensor]:
    return [batch.images for batch in TrainingPhotos(drawings, SMALL, settings, fabric).batches(0, number)]


@pytest.mark.parametrize("randaugment", [0, 9])
def test_an_epoch_repeats_itself_and_the_next_one_differs(drawings, fabric, randaugment):
    settings = SETTINGS.model_copy(update={"randaugment": randaugment})
    first = epoch(drawings, fabric, settings)
    assert [len(images) for images in first] == [3, 2, 3]
    assert all(torch.equal(a, b) for a, b in zip(first, epoch(drawings, fabric, settings), strict=True))
    assert not torch.equal(first[0], epoch(drawings, fabric, settings, 1)[0])


def test_threads_that_work_ahead_change_nothing(drawings, fabric):
    photos = TrainingPhotos(drawings, SMALL, SETTINGS, fabric)
    order = photos.order(0, 0)
    ahead = [batch.images for batch, _ in photos._cropped_ahead(order)]
    assert all(torch.equal(a, b) for a, b in zip(ahead, epoch(drawings, fabric), strict=True))


def test_photos_on_the_device_give_the_same_batches(drawings, fabric, monkeypatch):
    before = TrainingPhotos(drawings, SMALL, SETTINGS, fabric)
    monkeypatch.setattr(module, "room_for_photos", lambda device: 10**9)
    after = TrainingPhotos(drawings, SMALL, SETTINGS, fabric)
    assert before.on_device is None
    assert after.on_device is not None
    for a, b in zip(before.batches(0, 0), after.batches(0, 0), strict=True):
        assert torch.equal(a.labels, b.labels)
        assert (a.images.int() - b.images.int()).abs().max() <= 2
    assert torch.equal(*(next(iter(ValPhotos(drawings, SMALL, 8, fabric))).images for _ in range(2)))


def test_val_photos_are_exactly_what_preprocess_gives(drawings, fabric, monkeypatch):
    for room in (0, 10**9):
        monkeypatch.setattr(module, "room_for_photos", lambda device, room=room: room)
        [first, second] = ValPhotos(drawings, SMALL, 5, fabric)
        assert torch.cat([first.labels, second.labels]).tolist() == drawings.labels
        for pixels, record in zip(torch.cat([first.images, second.images]), drawings, strict=True):
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
    assert not store.whole
    assert [store[0].shape, store[127].shape] == [(2, 2, 3)] * 2
    assert len(decoded) == 65
