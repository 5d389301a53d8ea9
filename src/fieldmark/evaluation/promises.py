"""Promises that an evaluation breaks by more than chance, why that may be, and what to do."""

from __future__ import annotations

import math

from fieldmark.evaluation.intervals import proportion
from fieldmark.evaluation.metrics import Metrics

__all__ = ["missed_accuracy", "missed_coverage"]

_ELSEWHERE = (
    "These photos probably differ from those that calibrated the model: another camera, shop, place or season. Add "
    "photos like these to the training data, or name them as val, and fit again"
)


def missed_coverage(metrics: Metrics) -> str | None:
    """Return sentences if the interval of the sets' coverage lies below its target; None otherwise."""
    if metrics.set_coverage is None or metrics.set_level is None:
        return None
    kept = proportion(round(metrics.set_coverage * metrics.num_images), metrics.num_images)
    if kept.high >= metrics.set_level:
        return None
    return (
        f"The prediction sets miss their target: {kept.value:.1%} contain the correct class "
        f"(95% CI {100 * kept.low:.1f}–{kept.high:.1%}), not {metrics.set_level:.0%}. "
        f"{_reason(metrics, round(kept.value * metrics.num_images))}; until then ask for a higher coverage."
    )


def missed_accuracy(metrics: Metrics) -> str | None:
    """Return sentences if the interval of the accuracy of backed-off answers lies below its target; None otherwise."""
    found = metrics.back_off
    if found is None or found.right is None:
        return None
    answered = round(found.answered * metrics.num_images)
    kept = proportion(round(found.right * answered), answered)
    if kept.high >= found.wanted:
        return None
    return (
        f"The answers that back off miss their target: {kept.value:.1%} are correct at their rank "
        f"(95% CI {100 * kept.low:.1f}–{kept.high:.1%}), not {found.wanted:.0%}. "
        f"{_ELSEWHERE}; until then ask for a higher target accuracy."
    )


def _reason(metrics: Metrics, held: int) -> str:
    photos, level = metrics.set_calibration_photos, metrics.set_level
    if photos is None or level is None or not _chance_explains(photos, level, held, metrics.num_images):
        return _ELSEWHERE
    return (
        f"The sets were calibrated on only {photos:,} photos, so that chance alone can explain it. Add photos of all "
        "classes and fit again"
    )


def _chance_explains(photos: int, level: float, held: int, num_images: int) -> bool:
    """Return whether so few covered photos lie in the 95% range of draws of calibration photos and of test photos.

    The number of covered photos has a beta-binomial distribution if all photos are exchangeable (Vovk, 2012).
    """
    from scipy.stats import betabinom

    rank = math.ceil(round((photos + 1) * level, 9))
    return rank <= photos and held >= betabinom.ppf(0.025, num_images, rank, photos + 1 - rank)
