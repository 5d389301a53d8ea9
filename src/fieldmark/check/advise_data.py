"""Have I enough photos? The learning curve of a data set, and what limits the accuracy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from fieldmark.check.embed_data import Embed, survey_for
from fieldmark.data.splits import join_groups
from fieldmark.errors import DataError
from fieldmark.evaluation.data_limits import DataLimit, find_limits
from fieldmark.evaluation.learning_curve import LearningCurve, learning_curve
from fieldmark.structures import RecordList

__all__ = ["Advice", "advise"]

_MIN_PHOTOS = 50


@dataclass(frozen=True, slots=True)
class Advice:
    """What would make a recognizer of these data better.

    Attributes:
        num_photos: Photos that were used: usable, and not of the test split.
        num_classes: Their classes.
        curve: Accuracy against the number of photos.
        limits: What limits the accuracy in the data.
        next_steps: Sentences, the first step first.
        seconds: Time that the measurement took.
    """

    num_photos: int
    num_classes: int
    curve: LearningCurve
    limits: tuple[DataLimit, ...]
    next_steps: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``advise --json`` prints."""
        return {
            "num_photos": self.num_photos,
            "num_classes": self.num_classes,
            "learning_curve": self.curve.to_dict(),
            "limits": [limit.to_dict() for limit in self.limits],
            "next_steps": list(self.next_steps),
            "seconds": self.seconds,
        }


def advise(records: RecordList, *, seed: int = 0, embed: Embed | None = None) -> Advice:
    """Measure how much more photos would help, and find what limits the accuracy.

    Photos of the test split are not used. The photos are embedded once with the bundled EfficientNet-Lite0; heads on
    these embeddings are cheap and stand in for any method. No file is changed.

    Args:
        records: Records from `fieldmark.read`.
        seed: Of folds, subsets and draws.
        embed: Computes embeddings; by default the bundled network with its cache.

    Raises:
        DataError: There are fewer than 50 usable photos, or only one class has any.
    """
    started = time.monotonic()
    with survey_for(embed, records.like(record for record in records if record.split != "test")) as (seen, embed_used):
        used = seen.records
        present = np.unique(used.labels)
        if len(used) < _MIN_PHOTOS or len(present) < 2:
            raise DataError(
                f"a learning curve needs at least {_MIN_PHOTOS} photos of two classes outside the test split, but "
                f"{records.root} has {len(used)} of {len(present)}: add photos"
            )
        features = embed_used()
    names, labels = np.unique(used.labels, return_inverse=True)
    groups = np.array(join_groups(used, seen.groups()), dtype=np.int64)
    classes = [used.classes[name] for name in names]
    curve, table = learning_curve(features, labels, groups, classes, seed=seed)
    limits = find_limits(labels, groups, classes, labels, table.predicted)
    return Advice(
        len(used), len(classes), curve, tuple(limits), tuple(_next_steps(curve, limits)), time.monotonic() - started
    )


def _next_steps(curve: LearningCurve, limits: list[DataLimit]) -> list[str]:
    """Return what to do: the limits first, then more photos or a better model, whichever the curve favours."""
    steps = [f"{limit.message}: {limit.action}" for limit in limits]
    gain, error = curve.gain, 1.0 - curve.now.accuracy.value
    words = f"{100 * gain.value:.1f} points (95% CI {100 * gain.low:.1f}–{100 * gain.high:.1f})"
    if gain.value >= 0.2 * error and gain.low > 0:
        best = [one.label for one in curve.by_class[:3] if one.gain.value > 0]
        steps.append(f"more photos help: twice as many would gain about {words}, most for {', '.join(best)}")
    else:
        steps.append(
            f"more photos of this kind help little: twice as many would gain about {words} of {100 * error:.1f} points "
            "of error; try a larger backbone or fine-tuning, with fieldmark fit --budget 10m"
        )
    return steps
