"""How top-1 falls where photos are shifted, turned, scaled, relit, blurred, covered, or before another background."""

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

__all__ = ["UNITS", "Level", "Stress", "stress"]

DETAIL = 2
"""Photos are decoded at this many times the side that the network sees, so that enlarging finds pixels."""
DONORS = 10
"""Photos of other classes that are asked for a background before a photo gets a grey one."""
UNITS = {each.name: each.unit for each in DISTORTIONS} | {each.name: each.unit for each in BACKGROUNDS}
"""Name of a change -> what its strengths are."""


@dataclass(frozen=True, slots=True)
class Level:
    """Top-1 accuracy at one strength of one change."""

    strength: float
    top1_accuracy: float


@dataclass(frozen=True, slots=True)
class Stress:
    """What ``evaluate --stress`` adds to ``--json``.

    Attributes:
        num_images: Photos that could be read; the same ones at every strength.
        top1_accuracy: Of these photos, unchanged.
        mean_drop: Mean over the changes of what top-1 loses, each averaged over its strengths.
        changes: Name -> its levels, by rising strength.
        skipped: Name -> why that change was not tried.
    """

    num_images: int
    top1_accuracy: float
    mean_drop: float
    changes: Mapping[str, tuple[Level, ...]]
    skipped: Mapping[str, str]

    def drop(self, name: str) -> float:
        """What top-1 loses by one change, averaged over its strengths."""
        return self.top1_accuracy - float(np.mean([level.top1_accuracy for level in self.changes[name]]))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def stress(recognizer: Predictor, records: RecordList, *, limit: int = 200, seed: int = 0) -> Stress:
    """Measure a recognizer on changed photos.

    Args:
        recognizer: What to measure.
        records: Photos with labels of its classes; those with a box get other backgrounds too.
        limit: Photos that are used, drawn by `seed` where there are more.
        seed: Decides directions and places too.

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
        skipped = {swap.name: "the data name no box of the object" for swap in BACKGROUNDS}
    top1 = float(np.mean(list(plain.values())))
    drops = [top1 - float(np.mean([level.top1_accuracy for level in levels])) for levels in changes.values()]
    return Stress(len(plain), top1, float(np.mean(drops)), changes, skipped)


class _Changed(Sequence[Image.Image]):
    """Photos that are opened and changed when they are asked for, so that one batch is in memory at a time."""

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
"""Strength -> (position -> changed photo)."""


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
    """The background of a photo of another class; None where none of the first few that are drawn has any."""
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
    """The same for every strength of a change, so that a larger strength goes further in the same direction."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), position])


def _levels(
    recognizer: Predictor, records: RecordList, name: str, strengths: Sequence[float], views: _Views
) -> tuple[Level, ...]:
    levels = []
    for strength in strengths:
        hits = _hits(recognizer, _Changed(records, views(strength)), f"stress: {name} {strength:g}")
        levels.append(Level(strength, float(np.mean(list(hits.values())))))
    return tuple(levels)


def _hits(recognizer: Predictor, photos: _Changed, description: str) -> dict[int, bool]:
    """Position of each photo that can be read -> whether the first candidate is right."""
    scores = recognizer.scores(photos, description)
    good = [position for position in range(len(photos)) if position not in scores.errors]
    return {
        position: int(scores.probabilities[position].argmax()) == photos.records[position].label for position in good
    }
