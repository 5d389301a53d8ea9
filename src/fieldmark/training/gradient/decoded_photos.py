"""Photos as the loop reads them: decoded once, kept small in memory, augmented anew each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from fieldmark.arrays import Pixels
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.progress import progress_bar
from fieldmark.structures import Record
from fieldmark.training.gradient.samplers import Draw

__all__ = ["KEEP_BYTES", "PhotoStore", "TrainPhotos", "ValPhotos", "larger_preprocess", "train_store", "val_store"]

KEEP_BYTES = 2**30
"""Decoded photos are kept up to here; those beyond are decoded each time."""

_MARGIN = 1.15
"""Photos for training are kept this much larger than the network reads them, so that crops stay sharp."""


class PhotoStore:
    """Decoded photos (H, W, 3) uint8, as many as memory is meant to hold.

    Args:
        records: The photos.
        load: A record to its pixels.
        threads: That decode at once; decoders work outside of Python's lock.
        keep_bytes: See `KEEP_BYTES`.

    Raises:
        PhotoError: A photo cannot be read.
    """

    def __init__(
        self,
        records: Sequence[Record],
        load: Callable[[Record], Pixels],
        *,
        threads: int = 2,
        keep_bytes: int = KEEP_BYTES,
    ) -> None:
        self.records = list(records)
        self.load = load
        self._kept: list[Pixels] = []
        size = 0
        with ThreadPoolExecutor(threads) as pool, progress_bar() as bar:
            task = bar.add_task("decoding photos", total=len(self.records))
            for start in range(0, len(self.records), 64):
                if size > keep_bytes:
                    break
                block = list(pool.map(load, self.records[start : start + 64]))
                self._kept += block
                size += sum(pixels.nbytes for pixels in block)
                bar.advance(task, len(block))

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Pixels:
        return self._kept[index] if index < len(self._kept) else self.load(self.records[index])


def larger_preprocess(preprocess: Preprocess) -> Preprocess:
    """The geometry in which photos for training are kept."""
    return replace(preprocess, image_size=round(_MARGIN * preprocess.image_size))


def train_store(records: Sequence[Record], preprocess: Preprocess, **options: int) -> PhotoStore:
    """Photos for random crops: a little larger than the network reads them, in the geometry of `preprocess`."""
    larger = larger_preprocess(preprocess)
    side = larger.image_size

    def load(record: Record) -> Pixels:
        photo = open_photo(record.path, trim_bottom=record.trim_bottom, draft=(side, side))
        return _short_side(photo, side) if preprocess.resize == "crop" else np.array(larger(photo))

    return PhotoStore(records, load, **options)


def val_store(records: Sequence[Record], preprocess: Preprocess, **options: int) -> PhotoStore:
    """Photos exactly as the recognizer will read them."""
    return PhotoStore(records, lambda record: np.array(load_array(record, preprocess)), **options)


class TrainPhotos(Dataset[tuple[Tensor, int]]):
    """(photo (3, S, S) uint8, label) of a draw; the draw's seed alone decides the augmentation."""

    def __init__(self, store: PhotoStore, augmentation: Callable[[Tensor], Tensor]) -> None:
        self.store = store
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        index, seed = draw
        photo = torch.from_numpy(self.store[index]).permute(2, 0, 1)
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(seed)
            return self.augmentation(photo), self.store.records[index].label


class ValPhotos(Dataset[tuple[Tensor, int]]):
    """(photo (3, S, S) uint8, label)."""

    def __init__(self, store: PhotoStore) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.from_numpy(self.store[index]).permute(2, 0, 1), self.store.records[index].label


def _short_side(photo: Image.Image, side: int) -> Pixels:
    scale = side / min(photo.size)
    if scale < 1:
        size = (max(side, round(photo.width * scale)), max(side, round(photo.height * scale)))
        photo = photo.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.array(photo)  # a copy of its own, which torch may share
