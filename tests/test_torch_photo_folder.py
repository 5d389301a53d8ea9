"""`PhotoFolder` and the transforms: the same photos, splits and pixels as a fit, in PyTorch's own tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

import fieldmark
from fieldmark import SettingError
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.torch import PhotoFolder, eval_transform, train_transform


def test_it_holds_what_torchvision_holds(birds: Path) -> None:
    ours, theirs = PhotoFolder(birds, "all"), ImageFolder(str(birds))
    assert list(ours.classes) == theirs.classes
    assert ours.class_to_idx == theirs.class_to_idx
    assert sorted(ours.samples) == sorted(theirs.samples)
    photo, label = ours[3]
    path, expected = ours.samples[3]
    assert label == expected == ours.targets[3]
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(Image.open(path).convert("RGB")))


def test_the_splits_are_those_of_a_fit(fitted: Path, birds: Path) -> None:
    """The fixture is fitted with seed 0 and the defaults."""
    rows = fieldmark.load(fitted).split()
    for split in ("train", "val", "test"):
        dataset = PhotoFolder(birds, split)
        of_fit = {str(birds / row.path) for row in rows if row.split == split}
        assert {path for path, _ in dataset.samples} == of_fit
    assert len(PhotoFolder(birds, "all")) == len(rows)


def test_a_data_loader_with_workers_reads_batches(birds: Path) -> None:
    geometry = Preprocess(image_size=48)
    dataset = PhotoFolder(birds, transform=train_transform(geometry), target_transform=float)
    images, labels = next(iter(DataLoader(dataset, batch_size=8, num_workers=1)))
    assert images.shape == (8, 3, 48, 48)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.float64


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_the_transform_for_evaluation_gives_the_pixels_that_recognizers_read(birds: Path, resize: str) -> None:
    geometry = Preprocess(image_size=40, resize=resize, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))  # type: ignore[arg-type]
    photo, _ = PhotoFolder(birds)[0]
    found = eval_transform(geometry)(photo)
    expected = (geometry(photo) / 255 - np.array(geometry.mean)) / np.array(geometry.std)
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_an_unknown_split_is_an_error(birds: Path) -> None:
    with pytest.raises(SettingError, match=r"^there is no split 'training'; choose train, val, test or all$"):
        PhotoFolder(birds, "training")  # type: ignore[arg-type]
