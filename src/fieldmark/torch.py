"""The photos of any supported data set as a PyTorch data set, for training loops of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.errors import SettingError
from fieldmark.structures import Record, RecordList, Split
from fieldmark.training.gradient.augment import INTERPOLATIONS

__all__ = ["PhotoFolder", "eval_transform", "train_transform"]


class PhotoFolder(Dataset[tuple[Any, int]]):
    """The photos of one split, with the interface of torchvision's `ImageFolder`.

    Reads every layout that ``fieldmark fit`` reads, and makes the same splits from the same seed: broken files are
    left out, near-duplicates and groups stay together. So a network that learns from ``train`` here can be compared
    with a Fieldmark model on the same test photos.

    Args:
        data: A folder of class folders, a CSV, a known data set, or records that `fieldmark.read` returned.
        split: ``train``, ``val`` or ``test``; ``all`` for all photos.
        transform: Function of the upright RGB photo, such as `train_transform`; None leaves PIL images.
        target_transform: Function of the label.
        seed: Seed of the splits that the data set does not name.

    Attributes:
        classes: Class names; a label is an index into them.
        class_to_idx: Class name -> label.
        samples: Path and label of each photo.
        targets: The labels.
        records: The photos with boxes, parts, taxonomy and group.

    Raises:
        DataError: The data cannot be read.
        SettingError: There is no such split.
    """

    def __init__(
        self,
        data: str | Path | RecordList,
        split: Split | Literal["all"] = "train",
        *,
        transform: Callable[[Image.Image], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        seed: int = 0,
    ) -> None:
        if split not in ("train", "val", "test", "all"):
            raise SettingError(f"there is no split '{split}'; choose train, val, test or all")
        everything = prepare(data if isinstance(data, RecordList) else read(data), seed).photos.records
        self.records = everything if split == "all" else everything.of_split(split)
        self.transform, self.target_transform = transform, target_transform
        self.classes, self.class_to_idx = self.records.classes, self.records.class_to_idx
        self.targets = self.records.labels
        self.samples = [(str(record.path), record.label) for record in self.records]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return a photo and its label, both transformed.

        Raises:
            PhotoError: The file cannot be read any more.
        """
        record: Record = self.records[index]
        photo: Any = open_photo(record.path, trim_bottom=record.trim_bottom)
        label: Any = record.label
        return (
            photo if self.transform is None else self.transform(photo),
            label if self.target_transform is None else self.target_transform(label),
        )


def train_transform(preprocess: Preprocess | None = None, *, crop_scale: float = 0.5) -> v2.Compose:
    """Return random crops and mirror images, as `fit` draws them, as a torchvision transform.

    Args:
        preprocess: Size, interpolation, mean and standard deviation; 224 pixels and ImageNet's statistics for None.
        crop_scale: Smallest fraction of the photo that a crop shows.

    Returns:
        A transform from a PIL image to a normalised float tensor (3, S, S).
    """
    geometry = preprocess or Preprocess()
    crop = v2.RandomResizedCrop(
        geometry.image_size, scale=(crop_scale, 1.0), interpolation=INTERPOLATIONS[geometry.interpolation]
    )
    return v2.Compose([v2.ToImage(), crop, v2.RandomHorizontalFlip(), *_normalised(geometry)])


def eval_transform(preprocess: Preprocess | None = None) -> v2.Compose:
    """Return the transform with which recognizers read photos: to a normalised float tensor (3, S, S).

    Args:
        preprocess: See `train_transform`.
    """
    geometry = preprocess or Preprocess()

    def square(photo: Image.Image) -> Tensor:
        return torch.from_numpy(np.array(geometry(photo))).permute(2, 0, 1)

    return v2.Compose([v2.Lambda(square), *_normalised(geometry)])


def _normalised(geometry: Preprocess) -> list[v2.Transform]:
    return [v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(geometry.mean), list(geometry.std))]
