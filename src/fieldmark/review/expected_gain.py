"""How much a decision is expected to gain: the order in which a person reviews a data set."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Float64s, Ints, softmax
from fieldmark.check.label_errors import LabelCheck

__all__ = ["WEIGHTS", "wrong_label_chances"]

WEIGHTS = {"label": 1.0, "split": 0.5, "file": 0.25, "class": 0.1, "duplicate": 0.02}
"""What one photo with the problem counts, a wrong label being 1.

The gain of an item is the chance that a decision changes something, times the photos that it changes, times the weight.
``label``: a wrong lesson. ``split``: a photo that is in train too measures nothing. ``file``: a photo that is lost.
``class``: a photo of a class that is hardly learned. ``duplicate``: a photo that only costs time. Only the order of the
labels was measured (``benchmarks/review_gain.py``); the other weights are a rule.
"""

_ROUNDS = 200
_USUAL = 0.033
"""Share of wrong labels in ten test sets of publications (Northcutt et al., "Pervasive label errors in test sets
destabilize machine learning benchmarks", NeurIPS 2021)."""

_PRIOR_PHOTOS = 100.0
"""The usual share counts as much as that many photos: few photos do not tell wrong labels from hard ones."""

_MOST = 0.5
_LOG_TEMPERATURES = (-1.5, 1.5)


def wrong_label_chances(found: LabelCheck) -> Float64s:
    """Return the chance that each label is wrong, (n,).

    The model of the noise: a share of all labels was replaced by another class at random. With p the out-of-fold
    probabilities and K classes, Bayes' rule gives the odds share * (1 - p_label) / (K - 1) to (1 - share) * p_label.
    The share is the mean of the chances and of a prior, found by expectation maximisation (Dempster et al. 1977). Heads
    may be too sure or too unsure, so that p first gets the temperature under which the labels are the most likely.
    """
    from scipy.optimize import minimize_scalar

    logits = np.log(np.maximum(found.probabilities, 1e-12))

    def surprise(log_temperature: float) -> float:
        likelihood = _chances(_own(logits, found.given, log_temperature), logits.shape[1])[1]
        return -float(np.log(likelihood).mean())

    best = minimize_scalar(surprise, bounds=_LOG_TEMPERATURES, method="bounded", options={"xatol": 0.02}).x
    return _chances(_own(logits, found.given, float(best)), logits.shape[1])[0]


def _own(logits: Float64s, given: Ints, log_temperature: float) -> Float64s:
    """Return the probability of each label, (n,), with a temperature."""
    return np.asarray(softmax(logits / np.exp(log_temperature))[np.arange(len(given)), given])


def _chances(own: Float64s, classes: int) -> tuple[Float64s, Float64s]:
    """Return the chance that each label is wrong, and the likelihood of each label, (n,) both."""
    share = _USUAL
    for _ in range(_ROUNDS):
        wrong, correct = share * (1.0 - own) / (classes - 1), (1.0 - share) * own
        likelihood = np.maximum(wrong + correct, 1e-30)
        expected = float((wrong / likelihood).sum()) + _PRIOR_PHOTOS * _USUAL
        before, share = share, min(expected / (len(own) + _PRIOR_PHOTOS), _MOST)
        if abs(share - before) < 1e-6:
            break
    return np.asarray(wrong / likelihood), np.asarray(likelihood)
