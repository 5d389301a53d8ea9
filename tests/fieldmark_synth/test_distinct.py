"""A drawn data set has no near-duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.quality.duplicates import near_duplicates
from fieldmark.data.quality.photo_facts import inspect_photos
from fieldmark_synth import synthesize
from fieldmark_synth.distinct import redraw_duplicates


def _picture(path: Path, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((96, 72), Image.Resampling.BICUBIC).save(path, quality=90 + seed % 5)


def test_the_later_picture_of_a_pair_is_drawn_again_until_it_differs(tmp_path: Path) -> None:
    files = [tmp_path / f"{index}.jpg" for index in range(4)]
    for file, seed in zip(files, (10, 11, 10, 12), strict=True):
        _picture(file, seed)
    Image.open(files[2]).save(files[2], quality=60)  # other bytes, nearly the same pixels
    asked: list[tuple[list[int], int]] = []

    def redraw(chosen: Sequence[int], attempt: int) -> None:
        asked.append((list(chosen), attempt))
        for index in chosen:
            _picture(files[index], 11 if attempt == 1 else 99)
            Image.open(files[index]).save(files[index], quality=60)

    redraw_duplicates(files, 0, redraw)
    assert asked == [([2], 1), ([2], 2)]
    assert near_duplicates(inspect_photos(files)) == []


def test_other_pictures_stay_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesize(tmp_path / "plain", 2, 4, size=64)
    monkeypatch.setattr("fieldmark_synth.distinct.near_duplicates", _LastTwice())
    synthesize(tmp_path / "redrawn", 2, 4, size=64)
    plain, redrawn = (
        [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.jpg"))] for name in ("plain", "redrawn")
    )
    assert [one != other for one, other in zip(plain, redrawn, strict=True)].count(True) == 1


class _LastTwice:
    """Report the last picture as a duplicate in the first round."""

    def __init__(self) -> None:
        self.rounds = 0

    def __call__(self, facts: Sequence[object]) -> list[object]:
        from fieldmark.data.quality.duplicates import DuplicatePair

        self.rounds += 1
        return [DuplicatePair(0, len(facts) - 1, "near", 0.9)] if self.rounds == 1 else []
