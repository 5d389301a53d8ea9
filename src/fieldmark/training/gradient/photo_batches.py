"""Batches of training and val photos on the device that trains."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fieldmark.cores import available_cpus
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.base import Annotations
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.structures import RecordList
from fieldmark.training.frozen.single_thread import one_thread_each
from fieldmark.training.gradient.annotated_photos import Marks, annotated_batches, plain_batches
from fieldmark.training.gradient.augment import crop_each, distort_each, draw_crops, normalize
from fieldmark.training.gradient.device_photos import DevicePhotos
from fieldmark.training.gradient.hardware import room_for_photos
from fieldmark.training.gradient.photo_store import larger_preprocess, train_store, val_store
from fieldmark.training.gradient.samplers import Draw, EpochBatches, EpochDraws, mix_seed

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["Batch", "PlainPhotos", "TrainingPhotos", "ValPhotos"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Photos that a step learns from or that a validation scores.

    Attributes:
        images: (B, 3, S, S) uint8, or float16 maps of the frozen stages.
        labels: (B,).
        annotations: What is marked on them, for a method with `point_names`.
    """

    images: Tensor
    labels: Tensor
    annotations: Annotations | None = None

    def to(self, device: torch.device) -> Batch:
        marked = self.annotations
        if marked is not None:
            marked = marked.to(device, non_blocking=True)
        images = self.images.pin_memory() if device.type == "cuda" and not self.images.is_cuda else self.images
        return Batch(images.to(device, non_blocking=True), self.labels.to(device, non_blocking=True), marked)

    def first(self, count: int) -> Batch:
        """The first photos of it."""
        marked = None if self.annotations is None else self.annotations[:count]
        return Batch(self.images[:count], self.labels[:count], marked)


class TrainingPhotos:
    """Augmented batches of the train split.

    On a GPU the photos lie in its memory as far as they fit there, and each batch is cropped there at once. Otherwise
    they lie in the computer's memory and are cropped one by one: for a GPU, by threads that work ahead of it.

    Args:
        records: Photos to learn from.
        preprocess: The geometry that the network reads.
        settings: Augmentation, batches, order.
        fabric: Device and processes; each process takes its share of every batch.
        point_names: Parts whose points, with the boxes, come along; None for a method without annotations.

    Raises:
        PhotoError: A photo cannot be read.
    """

    def __init__(
        self,
        records: RecordList,
        preprocess: Preprocess,
        settings: GradientSettings,
        fabric: Fabric,
        point_names: Sequence[str] | None = None,
    ) -> None:
        self.records, self.preprocess, self.settings = records, preprocess, settings
        self.fabric, self.device = fabric, fabric.device
        self.marks = None if point_names is None else Marks(records, point_names, preprocess)
        self.on_device: DevicePhotos | None = None
        room = room_for_photos(self.device)
        expected = 4.5 * larger_preprocess(preprocess).image_size ** 2  # three bytes for each pixel of a 3:2 photo
        if expected * len(records) < room:
            self.on_device = DevicePhotos(train_store(records, preprocess, keep_bytes=room).kept, self.device)
        else:
            self.store = train_store(records, preprocess)

    def __len__(self) -> int:
        return len(self.records)

    def steps(self, stage: int) -> int:
        """Batches of an epoch."""
        return len(self.order(stage, 0))

    def labels_of(self, indices: Sequence[int]) -> Tensor:
        """Labels (B,) of the photos with these positions."""
        return torch.tensor([self.records[index].label for index in indices])

    def crop(self, draws: list[Draw]) -> Batch:
        """The photos of these draws, each augmented by its seed."""
        return self._finished(self._cropped(draws))

    def forget_pixels(self) -> None:
        """Release the decoded photos; `steps`, `order` and `labels_of` still work."""
        if self.on_device is None:
            self.store.kept.clear()
        self.on_device = None

    def batches(self, stage: int, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, both 0-based; each photo's augmentation follows from the seed of its draw."""
        order = self.order(stage, epoch)
        if self.on_device is not None or self.device.type == "cpu":
            return map(self._finished, map(self._cropped, order))
        return map(self._finished, self._cropped_ahead(order))

    def order(self, stage: int, epoch: int) -> EpochBatches:
        """Which photos each batch of an epoch holds, and the seeds of their augmentation."""
        settings = self.settings
        seed = mix_seed(settings.seed, stage)
        draws = EpochDraws(self.records.labels, seed, settings.balanced, settings.per_class)
        draws.set_epoch(epoch)
        processes = self.fabric.world_size
        return EpochBatches(draws, max(1, settings.batch_size // processes), self.fabric.global_rank, processes)

    def _cropped_ahead(self, order: EpochBatches) -> Iterator[tuple[Batch, list[Draw]]]:
        threads = available_cpus()
        with one_thread_each(threads) as pool:
            waiting: deque[Future[tuple[Batch, list[Draw]]]] = deque()
            for draws in order:
                waiting.append(pool.submit(self._cropped, draws))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _cropped(self, draws: list[Draw]) -> tuple[Batch, list[Draw]]:
        """A batch of crops, which any thread may cut: no random state is touched."""
        indices, seeds = (list(column) for column in zip(*draws, strict=True))
        if self.on_device is None:
            photos = [self.store[index] for index in indices]
            sizes = np.array([photo.shape[:2] for photo in photos])
            crops = draw_crops(seeds, sizes, self.settings.crop_scale)
            images = crop_each(photos, crops, self.preprocess)
        else:
            sizes = self.on_device.sizes[indices]
            crops = draw_crops(seeds, sizes, self.settings.crop_scale)
            images = self.on_device.crop(indices, crops, self.preprocess)
        marked = None if self.marks is None else self.marks.crop(indices, sizes, crops)
        return Batch(images, self.labels_of(indices), marked), draws

    def _finished(self, cropped: tuple[Batch, list[Draw]]) -> Batch:
        """On the device, and distorted where the settings ask for it."""
        batch, draws = cropped
        batch = batch.to(self.device)
        if not self.settings.randaugment:
            return batch
        seeds = [seed for _, seed in draws]
        images = distort_each(batch.images, seeds, self.settings.randaugment, self.preprocess)
        return Batch(images, batch.labels, batch.annotations)


class ValPhotos:
    """Batches of the val split as the recognizer reads the photos: this process's share of them.

    Args:
        records: Photos to score with; may be empty.
        preprocess: How they become arrays.
        batch_size: Largest size of a batch.
        fabric: Device, where the photos lie too as far as they fit, and processes.

    Raises:
        PhotoError: A photo cannot be read.
    """

    def __init__(self, records: RecordList, preprocess: Preprocess, batch_size: int, fabric: Fabric) -> None:
        mine = records.like(records[fabric.global_rank :: fabric.world_size])
        self.batch_size, self.device = batch_size, fabric.device
        self.labels = torch.tensor(mine.labels, dtype=torch.int64)
        self.store = val_store(mine, preprocess)
        self.images: Tensor | None = None
        if 3 * len(mine) * preprocess.image_size**2 < room_for_photos(self.device) and self.store.whole:
            self.images = self._stacked(range(len(mine))).to(self.device)
            self.labels = self.labels.to(self.device)

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.labels), self.batch_size):
            batch = range(start, min(start + self.batch_size, len(self.labels)))
            images = self._stacked(batch) if self.images is None else self.images[batch.start : batch.stop]
            yield Batch(images, self.labels[batch.start : batch.stop]).to(self.device)

    def _stacked(self, batch: range) -> Tensor:
        return torch.stack([torch.from_numpy(self.store[index]).permute(2, 0, 1) for index in batch])


class PlainPhotos:
    """The training photos once, in order, as the recognizer reads them: normalised images on the device, and labels.

    They are decoded as they are asked for, so that nothing is held in memory for methods that never ask.
    """

    def __init__(
        self, records: RecordList, preprocess: Preprocess, batch_size: int, device: torch.device, names: Sequence[str]
    ) -> None:
        self.records, self.preprocess, self.batch_size = records, preprocess, batch_size
        self.device, self.names = device, tuple(names)

    def __call__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in plain_batches(self.records, self.preprocess, self.batch_size):
            yield normalize(images.to(self.device), self.preprocess), labels

    def annotated(self) -> Iterator[tuple[Tensor, Tensor, Annotations]]:
        for images, labels, marked in annotated_batches(self.records, self.names, self.preprocess, self.batch_size):
            yield images.to(self.device), labels, marked.to(self.device)
