"""What the rungs of ``auto`` share: what may still be spent, the log, and pilots on a few photos."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.data.photo_table import PhotoTable
from fieldmark.methods.auto import Auto
from fieldmark.training.frozen.frozen_backbone import FrozenPass
from fieldmark.training.frozen.search_limit import SearchLimit

__all__ = ["PATIENT_BUDGET", "PILOT_GAIN", "AutoSearch", "Pilot"]

logger = logging.getLogger(__name__)


PATIENT_BUDGET = 180.0
"""Seconds. A larger budget lifts the limits of a fit without one, and its rest goes into fine-tuning."""

PILOT_PHOTOS = 480
PILOT_GAIN = 0.01


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a change gains on a few photos.

    Attributes:
        gain: Difference of the cross-validated accuracies.
        error: Its standard error.
        seconds: For one view of a photo.
    """

    gain: float
    error: float
    seconds: float

    @property
    def pays(self) -> bool:
        return self.gain >= max(PILOT_GAIN, self.error)


@dataclass(slots=True)
class AutoSearch:
    """State of the search: settings, what may still be spent, and the log."""

    photos: PhotoTable
    settings: Auto.Settings
    limit: SearchLimit
    steps: list[str] = field(default_factory=list)
    next_step: str = ""

    def note(self, line: str) -> None:
        self.steps.append(line)
        logger.info(f"  {line}")

    @property
    def patient(self) -> bool:
        """Whether the user gives more time than a fit without a budget takes."""
        return (self.settings.budget or 0.0) > PATIENT_BUDGET

    @property
    def views(self) -> int:
        """Views of a photo in one pass."""
        return min(2, self.settings.test_views)

    def pilot(self, before: Callable[[Ints], FrozenPass], after: Callable[[Ints], FrozenPass]) -> Pilot:
        """Return what one pass gains over another on a few photos, from functions of the photos to the passes."""
        photos = _few_of_each_class(self.photos, PILOT_PHOTOS, self.settings.seed)
        old, new = before(photos), after(photos)
        truth = self.photos.labels[photos]
        better = (new.choice.logits.argmax(1) == truth).astype(float)
        worse = (old.choice.logits.argmax(1) == truth).astype(float)
        difference = better - worse
        return Pilot(
            float(difference.mean()), float(difference.std() / np.sqrt(len(photos))), new.seconds / len(photos)
        )


def _few_of_each_class(photos: PhotoTable, limit: int, seed: int) -> Ints:
    """Return train photos, as many of each class as the limit allows, at least 4."""
    each = max(4, limit // len(photos.classes))
    generator = np.random.default_rng(seed)
    labels = photos.labels[photos.positions("train")]
    chosen = [generator.permutation(np.flatnonzero(labels == label))[:each] for label in range(len(photos.classes))]
    return np.sort(np.concatenate(chosen))
