"""Many photos through one function of images: in batches as they come, or as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from fieldmark.arrays import Floats
from fieldmark.backbones.runners.batches import batch_size_for, in_batches, load_good
from fieldmark.progress import progress_bar
from fieldmark.recognizer.inputs import PhotoInput, to_image

__all__ = ["Floats", "Run", "run_all", "run_in_batches"]

Run = Callable[[Sequence[Image.Image]], Floats]
"""Upright RGB images to one row of numbers each."""


def run_in_batches(
    photos: Sequence[PhotoInput], run: Run, side: int
) -> Iterator[tuple[list[int], Floats, dict[int, str]]]:
    """Batch by batch, in order: positions, their rows, and position -> why a photo cannot be read.

    Args:
        photos: Paths, images or whatever else `to_image` takes.
        run: Images to rows.
        side: Pixels that the photos will be shrunk to; JPEGs are decoded no larger than it takes.
    """

    def load(position: int) -> Image.Image:
        return to_image(photos[position], draft=(side, side))

    def work(positions: Sequence[int]) -> tuple[list[int], Floats, dict[int, str]]:
        good, images, failed = load_good(positions, load)
        return good, run(images) if good else np.zeros((0, 0)), dict(failed)

    return in_batches(range(len(photos)), work, batch_size=batch_size_for(side))


def run_all(
    photos: Sequence[PhotoInput], run: Run, side: int, description: str
) -> tuple[Floats | None, dict[int, str]]:
    """One row for each photo, NaN where it cannot be read, and why; None where none can.

    Args:
        photos: See `run_in_batches`.
        run: See `run_in_batches`.
        side: See `run_in_batches`.
        description: What the progress bar says.
    """
    table: Floats | None = None
    errors: dict[int, str] = {}
    with progress_bar() as bar:
        task = bar.add_task(description, total=len(photos))
        for positions, rows, failed in run_in_batches(photos, run, side):
            if positions:
                table = np.full((len(photos), rows.shape[1]), np.nan, rows.dtype) if table is None else table
                table[positions] = rows
            errors |= failed
            bar.advance(task, len(positions) + len(failed))
    return table, errors
