"""Run a function of images on many photos: in batches as they are ready, or all together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from PIL import Image

from fieldmark.backbones.runners.batches import in_batches, load_good
from fieldmark.backbones.runners.pass_clock import PassClock
from fieldmark.cores import available_cpus
from fieldmark.progress import progress_bar
from fieldmark.recognizer.graphs import Graphs
from fieldmark.recognizer.inputs import PhotoInput, to_image

__all__ = ["PhotoOutputs", "concatenate", "run_all", "run_in_batches"]

Outputs = TypeVar("Outputs")
"""An array whose first axis runs over photos, a dataclass of such arrays, or a tuple of these."""


@dataclass(frozen=True, slots=True)
class PhotoOutputs(Generic[Outputs]):
    """Outputs for the readable photos.

    Attributes:
        positions: Positions of the readable photos, in the order of the outputs.
        outputs: Their outputs; None if no photo is readable.
        errors: Position -> why the photo cannot be read.
    """

    positions: list[int]
    outputs: Outputs | None
    errors: dict[int, str]


def concatenate(parts: Sequence[Any]) -> Any:
    """Concatenate arrays along their first axis, dataclasses field by field, tuples item by item; None stays None."""
    first = parts[0]
    if isinstance(first, tuple):
        return tuple(concatenate(items) for items in zip(*parts, strict=True))
    if is_dataclass(first) and not isinstance(first, type):
        return type(first)(*(concatenate([getattr(part, field.name) for part in parts]) for field in fields(first)))
    return None if first is None else np.concatenate(parts)


def run_in_batches(
    photos: Sequence[PhotoInput], run: Callable[[Sequence[Image.Image]], Outputs], graphs: Graphs
) -> Iterator[PhotoOutputs[Outputs]]:
    """Yield the outputs batch by batch, in order.

    Args:
        photos: The photos.
        run: Function from upright RGB images to outputs, by these graphs.
        graphs: Tell how large photos must be decoded, and how many one call of `run` should hold.
    """
    graphs.expect(len(photos))
    threads, side = available_cpus(), graphs.draft_side
    clock = PassClock(threads)

    def load(position: int) -> Image.Image:
        return to_image(photos[position], draft=(side, side))

    def work(positions: Sequence[int]) -> PhotoOutputs[Outputs]:
        good, images, failed = load_good(positions, load, clock)
        with clock.computing():
            outputs = run(images) if good else None
        return PhotoOutputs(list(good), outputs, dict(failed))

    yield from in_batches(range(len(photos)), work, batch_size=graphs.batch_size, threads=threads)
    clock.report(len(photos), "answered", graphs.description)


def run_all(
    photos: Sequence[PhotoInput],
    run: Callable[[Sequence[Image.Image]], Outputs],
    graphs: Graphs,
    description: str,
) -> PhotoOutputs[Outputs]:
    """Return the outputs of all photos together; see `run_in_batches`.

    Args:
        photos: The photos.
        run: Function from upright RGB images to outputs, by these graphs.
        graphs: See `run_in_batches`.
        description: Label of the progress bar.
    """
    parts: list[PhotoOutputs[Outputs]] = []
    with progress_bar() as bar:
        task = bar.add_task(description, total=len(photos))
        for part in run_in_batches(photos, run, graphs):
            parts.append(part)
            bar.advance(task, len(part.positions) + len(part.errors))
    outputs = [part.outputs for part in parts if part.outputs is not None]
    positions = [position for part in parts for position in part.positions]
    errors = {position: error for part in parts for position, error in part.errors.items()}
    return PhotoOutputs(positions, concatenate(outputs) if outputs else None, errors)
