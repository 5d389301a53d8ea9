"""Measure accuracy on photos that are shifted, rotated, scaled, relit, blurred, occluded, or given a new background."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

import numpy as np
from PIL import Image

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.errors import DataError, PhotoError
from fieldmark.evaluation.backgrounds import BACKGROUNDS, BackgroundChange, largest_strip, replace_background
from fieldmark.evaluation.distortions import DISTORTIONS, Distortion
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import Record, RecordList

__all__ = ["UNITS", "Stress", "StressLevel", "stress"]

DETAIL = 2
"""Photos are decoded at this multiple of the network's input size, so that enlarged photos keep their detail."""
DONORS = 10
"""Number of photos of other classes that are tried as a background before a grey one is used."""
UNITS = {each.name: each.unit for each in DISTORTIONS} | {each.name: each.unit for each in BACKGROUNDS}
"""Name of a distortion -> unit of its strength."""


@dataclass(frozen=True, slots=True)
class StressLevel:
    """Top-1 accuracy at one strength of one distortion."""

    strength: float
    top1_accuracy: float


@dataclass(frozen=True, slots=True)
class Stress:
    """The numbers that ``evaluate --stress`` adds to ``--json``.

    Attributes:
        num_images: Photos that could be read; the same ones at every strength.
        top1_accuracy: Accuracy on these photos without distortion.
        mean_drop: Mean loss of accuracy over the distortions, each averaged over its strengths.
        changes: Name -> its levels, by rising strength.
        skipped: Name -> why that distortion was skipped.
    """

    num_images: int
    top1_accuracy: float
    mean_drop: float
    changes: Mapping[str, tuple[StressLevel, ...]]
    skipped: Mapping[str, str]

    def drop(self, name: str) -> float:
        """Return the loss of accuracy by one distortion, averaged over its strengths."""
        return self.top1_accuracy - float(np.mean([level.top1_accuracy for level in self.changes[name]]))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def stress(recognizer: Predictor, records: RecordList, *, limit: int = 200, seed: int = 0) -> Stress:
    """Measure a recognizer on distorted photos.

    Args:
        recognizer: The recognizer.
        records: Photos with labels of its classes. If all have a box, they also get other backgrounds.
        limit: Number of photos to use, drawn at random if there are more.
        seed: Seed of the sample, and of the directions and places of the distortions.

    Raises:
        DataError: None of the photos can be read.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(records))[:limit])
    used = records.like(records[index] for index in chosen)
    side = DETAIL * max(facts.preprocess.image_size for facts in recognizer.manifest.members)
    plain = _hits(recognizer, _Changed(used, lambda position: _opened(used[position], side)), "stress: none")
    if not plain:
        raise DataError(f"none of the {len(used)} photos could be read; run 'fieldmark check' on them")
    changes = {
        change.name: _levels(recognizer, used, change.name, change.strengths, _distorting(used, change, side, seed))
        for change in DISTORTIONS
    }
    skipped = {}
    if all(record.box is not None for record in used):
        for swap in BACKGROUNDS:
            view = _before_another(used, swap, side, seed)
            changes[swap.name] = _levels(recognizer, used, swap.name, swap.strengths, view)
    else:
        skipped = {swap.name: "the data have no box of the object" for swap in BACKGROUNDS}
    top1 = float(np.mean(list(plain.values())))
    drops = [top1 - float(np.mean([level.top1_accuracy for level in levels])) for levels in changes.values()]
    return Stress(len(plain), top1, float(np.mean(drops)), changes, skipped)


class _Changed(Sequence[Image.Image]):
    """Photos that are opened and distorted on access, so that only one batch is in memory."""

    def __init__(self, records: RecordList, view: Callable[[int], Image.Image]) -> None:
        self.records = records
        self.view = view

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, position: int) -> Image.Image: ...

    @overload
    def __getitem__(self, position: slice) -> Sequence[Image.Image]: ...

    def __getitem__(self, position: int | slice) -> Image.Image | Sequence[Image.Image]:
        if isinstance(position, slice):
            return [self.view(index) for index in range(*position.indices(len(self)))]
        return self.view(position)


_Views = Callable[[float], Callable[[int], Image.Image]]
"""Strength -> (position -> distorted photo)."""


def _distorting(records: RecordList, change: Distortion, side: int, seed: int) -> _Views:
    def of_strength(strength: float) -> Callable[[int], Image.Image]:
        def view(position: int) -> Image.Image:
            return change.apply(_opened(records[position], side), strength, _generator(seed, change.name, position))

        return view

    return of_strength


def _before_another(records: RecordList, change: BackgroundChange, side: int, seed: int) -> _Views:
    def of_strength(strength: float) -> Callable[[int], Image.Image]:
        def view(position: int) -> Image.Image:
            record = records[position]
            image = _opened(record, None)  # the box counts pixels at full size
            other = _borrowed(records, position, _generator(seed, change.name, position)) if change.borrows else None
            assert record.box is not None
            return replace_background(image, record.box, change.background(image, strength, other))

        return view

    return of_strength


def _borrowed(records: RecordList, position: int, generator: np.random.Generator) -> Image.Image | None:
    """The background of a photo of another class; None if none of the first few photos has one."""
    others = [record for record in records if record.label != records[position].label and record.box is not None]
    for index in generator.permutation(len(others))[:DONORS]:
        donor = others[index]
        assert donor.box is not None
        try:
            strip = largest_strip(_opened(donor, None), donor.box)
        except PhotoError:
            continue
        if strip is not None:
            return strip
    return None


def _opened(record: Record, side: int | None) -> Image.Image:
    draft = (side, side) if side is not None else None
    return open_photo(record.path, trim_bottom=record.trim_bottom, draft=draft)


def _generator(seed: int, name: str, position: int) -> np.random.Generator:
    """The same for every strength, so that a larger strength goes further in the same direction."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), position])


def _levels(
    recognizer: Predictor, records: RecordList, name: str, strengths: Sequence[float], views: _Views
) -> tuple[StressLevel, ...]:
    levels = []
    for strength in strengths:
        hits = _hits(recognizer, _Changed(records, views(strength)), f"stress: {name} {strength:g}")
        levels.append(StressLevel(strength, float(np.mean(list(hits.values())))))
    return tuple(levels)


def _hits(recognizer: Predictor, photos: _Changed, description: str) -> dict[int, bool]:
    """Position of each readable photo -> whether the prediction is correct."""
    scores = recognizer.scores(photos, description)
    good = [position for position in range(len(photos)) if position not in scores.errors]
    return {
        position: int(scores.probabilities[position].argmax()) == photos.records[position].label for position in good
    }
