"""Register out-of-distribution scores and conformity scores, from this package and from other installed packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fieldmark.arrays import Floats
from fieldmark.registry import Registry

__all__ = ["CONFORMITY_SCORES", "UNKNOWN_SCORES", "register_conformity_score", "register_unknown_score"]

_GROUP = "fieldmark.scores"

UNKNOWN_SCORES: Registry[Callable[[Any], Floats] | Mapping[str, float]] = Registry(
    "out-of-distribution score", _GROUP, package="fieldmark.openset.unknown_scores", lazy=False
)
"""Name -> function from `OpenSetFeatures` of n photos to scores (n,), higher for photos of known classes.

A mapping instead of a function is a weighted sum: the weights of other scores, each of them standardised on val.
"""

CONFORMITY_SCORES: Registry[Callable[..., Floats]] = Registry(
    "conformity score", _GROUP, package="fieldmark.uncertainty.conformity_scores", lazy=False
)
"""Name -> function from calibrated probabilities (n, K) to the score of each class (n, K).

The larger the score, the less a class conforms to the photo. The score of a class must depend only on the
probabilities of that photo.
"""

register_unknown_score = UNKNOWN_SCORES.register
register_conformity_score = CONFORMITY_SCORES.register
