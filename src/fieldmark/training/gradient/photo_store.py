"""Decoded photos: read once, scaled to what training needs, kept in memory as far as it is meant to hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from PIL import Image

from fieldmark.arrays import Pixels
from fieldmark.cores import available_cpus
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.progress import progress_bar
from fieldmark.structures import Record

__all__ = ["KEEP_BYTES", "PhotoStore", "larger_preprocess", "train_store", "val_store"]

KEEP_BYTES = 2**30
"""Decoded photos are kept up to this size; those beyond it are decoded each time."""

_MARGIN = 1.15
"""Photos for training are kept this much larger than the network's input, so that crops stay sharp."""


class PhotoStore:
    """Decoded photos (H, W, 3) uint8, as many as memory is meant to hold.

    Args:
        records: The photos.
        load: Turns a record into pixels.
        keep_bytes: See `KEEP_BYTES`.

    Attributes:
        kept: Pixels of the first photos.

    Raises:
        PhotoError: A photo cannot be read.
    """

    def __init__(
        self, records: Sequence[Record], load: Callable[[Record], Pixels], *, keep_bytes: int = KEEP_BYTES
    ) -> None:
        self.records = list(records)
        self.load = load
        self.kept: list[Pixels] = []
        size = 0
        with ThreadPoolExecutor(available_cpus()) as pool, progress_bar() as bar:
            task = bar.add_task("decoding photos", total=len(self.records))
            for start in range(0, len(self.records), 64):
                if size > keep_bytes:
                    break
                block = list(pool.map(load, self.records[start : start + 64]))
                self.kept += block
                size += sum(pixels.nbytes for pixels in block)
                bar.advance(task, len(block))

    def __len__(self) -> int:
        return len(self.records)

    @property
    def whole(self) -> bool:
        """All photos are kept."""
        return len(self.kept) == len(self.records)

    def __getitem__(self, index: int) -> Pixels:
        return self.kept[index] if index < len(self.kept) else self.load(self.records[index])


def larger_preprocess(preprocess: Preprocess) -> Preprocess:
    """The geometry in which photos for training are kept."""
    return replace(preprocess, image_size=round(_MARGIN * preprocess.image_size))


def train_store(records: Sequence[Record], preprocess: Preprocess, keep_bytes: int = KEEP_BYTES) -> PhotoStore:
    """Photos for random crops: a little larger than the network's input, in the geometry of `preprocess`."""
    larger = larger_preprocess(preprocess)
    side = larger.image_size

    def load(record: Record) -> Pixels:
        photo = open_photo(record.path, trim_bottom=record.trim_bottom, draft=(side, side))
        return _short_side(photo, side) if preprocess.resize == "crop" else np.array(larger(photo))

    return PhotoStore(records, load, keep_bytes=keep_bytes)


def val_store(records: Sequence[Record], preprocess: Preprocess, keep_bytes: int = KEEP_BYTES) -> PhotoStore:
    """Photos exactly as the recognizer will read them."""
    return PhotoStore(records, lambda record: np.array(load_array(record, preprocess)), keep_bytes=keep_bytes)


def _short_side(photo: Image.Image, side: int) -> Pixels:
    scale = side / min(photo.size)
    if scale < 1:
        size = (max(side, round(photo.width * scale)), max(side, round(photo.height * scale)))
        photo = photo.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.array(photo)  # a writable copy, which torch can share
