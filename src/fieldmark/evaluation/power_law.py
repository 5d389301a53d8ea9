"""Error as a function of the number of photos: a power law with a floor, fitted and extrapolated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float64s, Floats

__all__ = ["EXPONENT", "EXPONENT_SPREAD", "PowerLaw", "fit_amplitudes", "fit_power_law"]

EXPONENT = -0.5
"""Exponent that curves of classifiers are near to (Hoiem et al., "Learning curves for analysis of deep networks",
ICML 2021)."""

EXPONENT_SPREAD = 0.2
"""Standard deviation of the exponent around `EXPONENT` before any photo is seen."""

_GRID = np.linspace(-1.2, -0.05, 24)


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """error(x) = floor + scale * x ** exponent, for any shape of parameters.

    Attributes:
        floor: Error with infinitely many photos, at least 0.
        scale: At least 0.
        exponent: Below 0.
    """

    floor: Float64s
    scale: Float64s
    exponent: Float64s

    def __call__(self, size: float) -> Float64s:
        """Return the error at a size, between 0 and 1."""
        return np.asarray(np.clip(self.floor + self.scale * np.power(size, self.exponent), 0.0, 1.0))


def fit_power_law(
    sizes: Floats, errors: Floats, weights: Floats, exponent: Floats | float = EXPONENT, spread: float = EXPONENT_SPREAD
) -> PowerLaw:
    """Fit by weighted least squares with a Gaussian prior on the exponent.

    Three parameters from five noisy points are unstable. The prior keeps the exponent plausible where the points do not
    determine it.

    Args:
        sizes: (m,) positive.
        errors: (n, m), n curves.
        weights: (n, m) inverse variances of the errors.
        exponent: Mean of the prior, a number or (n,).
        spread: Its standard deviation.

    Returns:
        Parameters of shape (n,).
    """
    prior = np.square((_GRID[:, None] - np.asarray(exponent, dtype=np.float64).reshape(1, -1)) / spread)
    fits = [fit_amplitudes(sizes, errors, weights, np.full(len(errors), gamma)) for gamma in _GRID]
    misfit = np.stack([_misfit(law, sizes, errors, weights) for law in fits])
    best = (misfit + prior).argmin(0)
    rows = np.arange(len(errors))
    floor, scale = (np.stack([getattr(law, name) for law in fits])[best, rows] for name in ("floor", "scale"))
    return PowerLaw(floor, scale, _GRID[best])


def fit_amplitudes(sizes: Floats, errors: Floats, weights: Floats, exponent: Floats) -> PowerLaw:
    """Fit floor and scale, both at least 0, for given exponents.

    Args:
        sizes: (m,) positive, or (n, m).
        errors: (n, m).
        weights: (n, m).
        exponent: (n,).
    """
    power = np.power(np.broadcast_to(sizes, errors.shape), exponent[:, None])
    total = np.maximum(weights.sum(1), 1e-300)
    mean_x, mean_y = (weights * power).sum(1) / total, (weights * errors).sum(1) / total
    spread = (weights * np.square(power - mean_x[:, None])).sum(1)
    covariance = (weights * (power - mean_x[:, None]) * (errors - mean_y[:, None])).sum(1)
    scale = np.maximum(covariance / np.maximum(spread, 1e-300), 0.0)
    floor = mean_y - scale * mean_x
    through_zero = (weights * power * errors).sum(1) / np.maximum((weights * np.square(power)).sum(1), 1e-300)
    scale, floor = np.where(floor < 0, through_zero, scale), np.maximum(floor, 0.0)
    return PowerLaw(np.asarray(floor), np.asarray(scale), np.asarray(exponent, dtype=np.float64))


def _misfit(law: PowerLaw, sizes: Floats, errors: Floats, weights: Floats) -> Float64s:
    expected = law.floor[:, None] + law.scale[:, None] * np.power(sizes, law.exponent[:, None])
    return np.asarray((weights * np.square(errors - expected)).sum(1))
