"""How much `auto` may compute: so many multiply-adds by default, so many seconds where the user names a budget.

Multiply-adds are the same on every machine. Without a budget the same photos and seed therefore give the same model on
a fast machine, on a slow one and on a loaded one. Only a budget looks at the clock.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from pathlib import Path

from fieldmark.backbones.feature_cache import cache_root
from fieldmark.training.frozen.choice_cache import photos_key
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone

__all__ = ["DEFAULT_WORK", "SearchLimit", "TimeLimit", "WorkLimit"]

logger = logging.getLogger(__name__)

DEFAULT_WORK = 10e12
"""Multiply-adds of the passes over all photos: about three minutes on two cores of a laptop."""

_TIMED_PHOTOS = 32
"""Photos that tell whether the first pass can meet a budget."""


class SearchLimit(ABC):
    """What a search may still spend."""

    @abstractmethod
    def begin(self, frozen: FrozenBackbone, views: int) -> None:
        """Account for the first pass, which no limit prevents."""

    @abstractmethod
    def refusal(self, frozen: FrozenBackbone, views: int, seconds_per_view: float, kind: str = "") -> str | None:
        """Account for one more pass over all photos, or return why it does not fit, as the end of a sentence.

        Args:
            frozen: The backbone.
            views: Views of each photo.
            seconds_per_view: As a pilot measured it.
            kind: Sets several passes of one backbone apart.
        """

    def has_room(self, frozen: FrozenBackbone, views: int) -> bool:
        """Return whether one more pass may fit, as far as that is known before a pilot."""
        return True

    def seconds_left(self) -> float:
        """Seconds that may go into fine-tuning."""
        return 0.0


class WorkLimit(SearchLimit):
    """A number of multiply-adds.

    Args:
        work: For all passes together.
    """

    def __init__(self, work: float = DEFAULT_WORK) -> None:
        self.work = work
        self._left = work

    def begin(self, frozen: FrozenBackbone, views: int) -> None:
        self._left -= _work(frozen, views)

    def refusal(self, frozen: FrozenBackbone, views: int, seconds_per_view: float, kind: str = "") -> str | None:
        work = _work(frozen, views)
        if work > self._left:
            return (
                f"{work / 1e12:.1f} trillion multiply-adds more, and {max(0.0, self._left) / 1e12:.1f} of the "
                f"{self.work / 1e12:.0f} trillion of a fit without --budget are left; allow more with --budget 10m"
            )
        self._left -= work
        return None

    def has_room(self, frozen: FrozenBackbone, views: int) -> bool:
        return _work(frozen, views) <= self._left


class TimeLimit(SearchLimit):
    """A number of seconds from now on.

    A repeated fit reads features from the cache at once. By its own clock it would search further and end with other
    numbers, so it decides by the clock of the first fit, which is stored beside the cached features.

    Args:
        seconds: The budget.
        seed: Another seed has a clock of its own.
    """

    def __init__(self, seconds: float, seed: int) -> None:
        self.seconds = seconds
        self._seed = seed
        self._started = time.monotonic()

    def begin(self, frozen: FrozenBackbone, views: int) -> None:
        started = time.monotonic()
        photos = frozen.photos.records[:_TIMED_PHOTOS]
        frozen.features.extract(photos, mirror=views > 1, content_keys=frozen.photos.key_of, description="timing")
        seconds = (time.monotonic() - started) * len(frozen.photos) / len(photos) * views / min(views, 2)
        needed = self._first_time(frozen, "first", seconds)
        if needed > self.seconds:
            logger.warning(
                f"  the budget of {self.seconds:.0f} s cannot be met: reading the photos once with the cheapest "
                f"backbone takes about {needed:.0f} s; this fit does only that"
            )

    def refusal(self, frozen: FrozenBackbone, views: int, seconds_per_view: float, kind: str = "") -> str | None:
        cost = self._first_time(frozen, f"{kind}photo", seconds_per_view) * views * len(frozen.photos)
        left = self.seconds - self._first_time(frozen, f"{kind}before", time.monotonic() - self._started)
        if cost > left:
            return f"{cost:.0f} s more, and {max(0.0, left):.0f} s of the budget are left"
        return None

    def seconds_left(self) -> float:
        return self.seconds - (time.monotonic() - self._started)

    def _first_time(self, frozen: FrozenBackbone, what: str, seconds: float) -> float:
        """Return the seconds that `what` took in the first fit."""
        file = self._clock_file(frozen, what)
        try:
            return float(file.read_text())
        except (OSError, ValueError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{seconds:.6f}")
            return seconds

    def _clock_file(self, frozen: FrozenBackbone, what: str) -> Path:
        return cache_root() / "clock" / f"{frozen.features.key}-{photos_key(frozen.photos)}-{self._seed}-{what}"


def _work(frozen: FrozenBackbone, views: int) -> float:
    return float(frozen.multiply_adds * views * len(frozen.photos))
