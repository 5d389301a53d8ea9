"""Both splits, decoded, and the loaders that the loop reads them through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.base import Annotations
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.structures import RecordList
from fieldmark.training.gradient.annotated_photos import AnnotatedPhotos, annotated_batches
from fieldmark.training.gradient.augment import build_augmentation, normalize
from fieldmark.training.gradient.decoded_photos import TrainPhotos, ValPhotos, train_store, val_store
from fieldmark.training.gradient.hardware import process_rank, worker_count
from fieldmark.training.gradient.samplers import EpochBatches, EpochDraws, mix_seed

__all__ = ["Loaders"]

Loader = DataLoader[Any]
"""Batches of images, labels and, for a method that wants them, annotations."""


class Loaders:
    """Decodes the photos, then builds a loader for each stage.

    Args:
        train: Photos to learn from.
        val: Photos to score with; may be empty.
        preprocess: The geometry of both.
        settings: Augmentation, batches, order.
        point_names: Parts whose points, with the boxes, come along with each training photo; None for no annotations.

    Raises:
        PhotoError: A photo cannot be read.
    """

    def __init__(
        self,
        train: RecordList,
        val: RecordList,
        preprocess: Preprocess,
        settings: GradientSettings,
        point_names: Sequence[str] | None = None,
    ) -> None:
        self.settings = settings
        store = train_store(train, preprocess)
        self._train: TrainPhotos | AnnotatedPhotos = (
            TrainPhotos(store, build_augmentation(preprocess, settings))
            if point_names is None
            else AnnotatedPhotos(store, preprocess, settings, point_names)
        )
        self._val = ValPhotos(val_store(val, preprocess))
        self._labels = train.labels
        self.photos = _TrainingPhotos(train, preprocess, settings.batch_size, tuple(point_names or ()))

    def train_loader(self, stage_index: int, epoch: int) -> Loader:
        """Training photos of a stage, beginning with the given 0-based epoch of it."""
        settings = self.settings
        draws = EpochDraws(self._labels, mix_seed(settings.seed, stage_index), settings.balanced, settings.per_class)
        draws.set_epoch(epoch)  # workers begin before Lightning sets it
        workers = worker_count()
        return DataLoader(
            self._train,
            batch_sampler=EpochBatches(draws, settings.batch_size, *process_rank()),
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def val_loader(self) -> Loader | None:
        """Val photos in order, this process's share of them; None without any."""
        rank, world_size = process_rank()
        mine = range(rank, len(self._val), world_size)
        return DataLoader(self._val, self.settings.batch_size, sampler=mine) if len(self._val) else None

    @property
    def num_photos(self) -> int:
        """Of the train split."""
        return len(self._train)


class _TrainingPhotos:
    """The training photos once, in order, as the recognizer would read them: normalised images and labels.

    They are decoded as they are asked for, so that nothing is held in memory for methods that never ask.
    """

    def __init__(self, records: RecordList, preprocess: Preprocess, batch_size: int, names: Sequence[str]) -> None:
        self._records, self._preprocess, self._batch_size, self._names = records, preprocess, batch_size, names

    def __call__(self) -> Iterator[tuple[Tensor, Tensor]]:
        plain = ValPhotos(val_store(self._records, self._preprocess, keep_bytes=-1))
        for images, labels in DataLoader(plain, self._batch_size):
            yield normalize(images, self._preprocess), labels

    def annotated(self) -> Iterator[tuple[Tensor, Tensor, Annotations]]:
        return annotated_batches(self._records, self._names, self._preprocess, self._batch_size)
