"""Redraw pictures that are near-duplicates by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from fieldmark.data.quality.duplicates import near_duplicates
from fieldmark.data.quality.photo_facts import inspect_photos

__all__ = ["redraw_duplicates"]

_ROUNDS: Final = 8


def redraw_duplicates(files: Sequence[Path], banner: int, redraw: Callable[[Sequence[int], int], None]) -> None:
    """Redraw the later picture of each near-duplicate pair until no pair is left.

    Args:
        files: The pictures.
        banner: Height of the strip at the bottom of each picture, in pixels.
        redraw: Called with the positions of the pictures to redraw and the number of the attempt.
    """
    facts = inspect_photos(files, trim_bottom=banner)
    for attempt in range(1, _ROUNDS + 1):
        later = sorted({pair.second for pair in near_duplicates(facts)})
        if not later:
            return
        redraw(later, attempt)
        for index, fact in zip(
            later, inspect_photos([files[index] for index in later], trim_bottom=banner), strict=True
        ):
            facts[index] = fact
