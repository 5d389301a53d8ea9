"""Boxes and part points of training photos, moved along with every crop and mirror image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from fieldmark.arrays import Float32s, Ints
from fieldmark.cores import available_cpus
from fieldmark.data.photos.annotations import in_square, mirror_order, place_annotations, upright_size
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.errors import SettingError
from fieldmark.methods.base import Annotations
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.structures import Record
from fieldmark.training.gradient.augment import Crops, normalize
from fieldmark.training.gradient.photo_store import larger_preprocess

__all__ = ["Marks", "annotated_batches", "check_annotated", "plain_batches"]


def check_annotated(settings: GradientSettings) -> None:
    """Refuse augmentations that move pixels and leave annotations behind.

    Raises:
        SettingError: MixUp, CutMix or RandAugment is on.
    """
    for name in ("mixup", "cutmix", "randaugment"):
        if getattr(settings, name):
            raise SettingError(
                f"'{settings.method}' learns from boxes and parts, which {name} does not move along with the photo: "
                f"leave {name} at 0, but it is {getattr(settings, name)}"
            )


class Marks:
    """What people marked on the training photos.

    Args:
        records: The photos.
        names: Of the points; in a mirror image, left and right change places.
        preprocess: The geometry that the network reads; the photos are kept in the `larger_preprocess` of it.
    """

    def __init__(self, records: Sequence[Record], names: Sequence[str], preprocess: Preprocess) -> None:
        self.records, self.names, self.preprocess = records, tuple(names), preprocess
        self._sizes = [upright_size(record) for record in records]
        self._mirrored = mirror_order(names)

    def crop(self, indices: Sequence[int], sizes: Ints, crops: Crops) -> Annotations:
        """The annotations of these photos in the pixels of their crops.

        Args:
            indices: Positions of the photos among `records`.
            sizes: (B, 2), height and width in which each of them is kept.
            crops: One for each.
        """
        placed = [self._on_kept(index, size) for index, size in zip(indices, sizes, strict=True)]
        corners = np.stack([box.reshape(2, 2) for box, _ in placed])
        points = np.stack([points for _, points in placed])
        side = self.preprocess.image_size
        origin = np.stack([crops.left, crops.top], 1)[:, None]
        factor = side / np.stack([crops.width, crops.height], 1)[:, None]
        corners = ((corners - origin) * factor).astype(np.float32)
        points = ((points - origin) * factor).astype(np.float32)
        turned = crops.mirrored
        corners[turned, :, 0] = side - corners[turned, ::-1, 0]
        points[turned, :, 0] = side - points[turned, :, 0]
        points[turned] = points[turned][:, self._mirrored]
        return Annotations(torch.from_numpy(corners.reshape(-1, 4)), torch.from_numpy(points))

    def _on_kept(self, index: int, size: Ints) -> tuple[Float32s, Float32s]:
        """The box (4,) and the points (P, 2) in the pixels of a photo as it is kept."""
        width, height = self._sizes[index]
        larger = larger_preprocess(self.preprocess)
        whole = (0.0, 0.0, float(width), float(height))
        region = whole if larger.resize == "crop" else larger.box_on_photo(width, height)
        return place_annotations(self.records[index], self.names, region, (int(size[1]), int(size[0])))


def plain_batches(
    records: Sequence[Record], preprocess: Preprocess, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (B, 3, S, S) uint8 and labels (B,) of photos in their order, as the recognizer reads them.

    Raises:
        PhotoError: A photo cannot be read.
    """
    with ThreadPoolExecutor(available_cpus()) as pool:
        for start in range(0, len(records), batch_size):
            batch = records[start : start + batch_size]
            photos = pool.map(lambda record: load_array(record, preprocess), batch)
            images = torch.from_numpy(np.stack(list(photos))).permute(0, 3, 1, 2)
            yield images, torch.tensor([record.label for record in batch])


def annotated_batches(
    records: Sequence[Record], names: Sequence[str], preprocess: Preprocess, batch_size: int
) -> Iterator[tuple[Tensor, Tensor, Annotations]]:
    """Normalised images, labels and annotations of photos in their order, as the recognizer reads them.

    Raises:
        PhotoError: A photo cannot be read.
    """
    start = 0
    for images, labels in plain_batches(records, preprocess, batch_size):
        marked = [in_square(record, names, preprocess) for record in records[start : start + len(images)]]
        start += len(images)
        boxes, points = (torch.from_numpy(np.stack(parts)) for parts in zip(*marked, strict=True))
        yield normalize(images, preprocess), labels, Annotations(boxes, points)
