"""Class shares that differ from those of the training photos: a place, a month, a shop's stock.

A model learns how often each class occurs. Where photos come from elsewhere, only these shares may differ, while each
class still looks as it did (label shift). Then Bayes' rule corrects the probabilities exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float64s, Floats
from fieldmark.errors import SettingError

__all__ = ["Prior", "estimate_shares"]


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """How much more often each class occurs than among the training photos.

    Attributes:
        weights: (K,), at least 0. Only their ratios count. A class with weight 0 is left out of every answer.

    Raises:
        SettingError: All weights are 0, or one is negative or not finite.
    """

    weights: Float64s

    def __post_init__(self) -> None:
        if not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise SettingError("the weights of a prior must be finite numbers from 0 up")
        if not self.weights.any():
            raise SettingError("the prior leaves no class: give at least one class of the model a weight above 0")

    @classmethod
    def from_shares(cls, shares: Floats, training_shares: Floats) -> Prior:
        """Return the prior for wanted shares of the classes, (K,), given those among the training photos, (K,)."""
        return cls(np.asarray(shares, np.float64) / np.maximum(training_shares, 1e-12))

    def __call__(self, probabilities: Floats) -> Float64s:
        """Return the posterior probabilities (n, K) under this prior.

        A row that has no mass on the allowed classes gets the prior itself.

        Source: Saerens, Latinne, Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities"
        (Neural Computation 2002), eq. 2.4.

        Args:
            probabilities: (n, K), calibrated on photos like the training photos.
        """
        joint = np.asarray(probabilities, np.float64) * self.weights
        total = joint.sum(1, keepdims=True)
        alone = self.weights / self.weights.sum()
        return np.asarray(np.where(total > 0, joint / np.where(total > 0, total, 1.0), alone))


def estimate_shares(
    probabilities: Floats, training_shares: Floats, *, strength: float | None = None, max_steps: int = 1000
) -> Float64s:
    """Return the shares of the classes, (K,), among photos at hand, by expectation maximisation.

    The maximum-likelihood shares of few photos are 0 for most classes. A Dirichlet prior around the training shares,
    worth `strength` photos, prevents this.

    Source: Saerens, Latinne, Decaestecker (2002), eq. 2.9.

    Args:
        probabilities: (n, K) of the photos, calibrated on photos like the training photos.
        training_shares: (K,) mean calibrated probability of each class on calibration photos.
        strength: Photos that the training shares count for; K for None, one for each class.
        max_steps: Limit of the iteration.
    """
    shares = np.asarray(training_shares, np.float64) / np.sum(training_shares)
    weight = float(len(shares)) if strength is None else strength
    held, source = weight * shares, shares
    if not len(probabilities):
        return shares
    for _ in range(max_steps):
        counts = Prior.from_shares(shares, source)(probabilities).sum(0)
        updated = (counts + held) / (len(probabilities) + weight)
        done = float(np.abs(updated - shares).max()) < 1e-7
        shares = updated
        if done:
            break
    return shares
