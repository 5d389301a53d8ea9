"""Compare the answers of an exported file with those of the model folder, photo by photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.backbones.runners.batches import batch_size_for, in_batches, load_good
from fieldmark.errors import DataError
from fieldmark.progress import track
from fieldmark.recognizer.graphs import GraphOutputs, Graphs
from fieldmark.recognizer.inputs import to_image
from fieldmark.structures import Record

__all__ = ["Parity", "compare"]


@dataclass(frozen=True, slots=True)
class Parity:
    """Two models on the same photos.

    Attributes:
        photos: Number of photos that could be read.
        agreement: Share of photos with the same most probable class.
        difference: Largest difference of a logit, relative to the photo's largest logit.
        top1_before: Top-1 of the first model.
        top1_after: Top-1 of the second model.
    """

    photos: int
    agreement: float
    difference: float
    top1_before: float
    top1_after: float


def compare(first: Graphs, second: Graphs, records: Sequence[Record]) -> Parity:
    """Run both models on every photo.

    Raises:
        DataError: None of the photos can be read.
    """
    side = max(first.draft_side, second.draft_side)

    def work(batch: Sequence[Record]) -> list[tuple[Record, GraphOutputs, GraphOutputs]]:
        good, images, _ = load_good(batch, lambda record: to_image(record, draft=(side, side)))
        if not good:
            return []
        both = first.run(images), second.run(images)
        return [(record, _row(both[0], index), _row(both[1], index)) for index, record in enumerate(good)]

    size = batch_size_for(side)
    batches = track(in_batches(records, work, batch_size=size), "comparing", -(-len(records) // size))
    rows = [row for batch in batches for row in batch]
    if not rows:
        raise DataError(f"none of the {len(records)} photos for the comparison could be read; give others with --data")
    labels = np.array([record.label for record, _, _ in rows])
    before = np.array([one.probabilities.argmax() for _, one, _ in rows])
    after = np.array([two.probabilities.argmax() for _, _, two in rows])
    return Parity(
        photos=len(rows),
        agreement=float((before == after).mean()),
        difference=max(_difference(one.logits, two.logits) for _, one, two in rows),
        top1_before=float((before == labels).mean()),
        top1_after=float((after == labels).mean()),
    )


def _difference(one: NDArray[np.floating], two: NDArray[np.floating]) -> float:
    return float(np.abs(one - two).max() / max(float(np.abs(one).max()), 1e-6))


def _row(outputs: GraphOutputs, index: int) -> GraphOutputs:
    rows = slice(index, index + 1)
    arrays = outputs.probabilities, outputs.logits, outputs.embeddings, outputs.boxes
    return GraphOutputs(*(each[rows] for each in arrays))
