"""Conformity scores of classes: LAC, APS, RAPS, PAS, and those that other packages register.

They are deterministic, so that a photo always gets the same prediction set: the random number u of the papers is 1,
for calibration photos and for new photos alike.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float64s, Floats
from fieldmark.scores import CONFORMITY_SCORES, register_conformity_score

__all__ = ["LAC", "ConformityScore", "takes_prevalence"]


@register_conformity_score("lac")
def _lac(probabilities: Floats) -> Floats:
    """1 - p of the class.

    Source: Sadinle, Lei, Wasserman, "Least ambiguous set-valued classifiers with bounded error levels" (JASA 2019).
    """
    return np.asarray(1.0 - probabilities.astype(np.float64))


@register_conformity_score("aps")
def _aps(probabilities: Floats) -> Floats:
    """The summed probability of all more probable classes, 0 for the most probable one.

    Source: Romano, Sesia, Candès, "Classification with valid and adaptive coverage" (NeurIPS 2020), eq. 5.
    """
    return _raps(probabilities)


@register_conformity_score("raps")
def _raps(probabilities: Floats, k_reg: int = 0, penalty: float = 0.0) -> Floats:
    """APS with `penalty` added for each rank beyond `k_reg`.

    Source: Angelopoulos, Bates, Malik, Jordan, "Uncertainty sets for image classifiers using conformal prediction"
    (ICLR 2021), eq. 4.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities.astype(np.float64), order, 1)
    of_rank = np.zeros_like(ranked)
    np.cumsum(ranked[:, :-1], axis=1, out=of_rank[:, 1:])
    of_rank += penalty * np.maximum(0, np.arange(1, of_rank.shape[1] + 1) - k_reg)
    scores = np.empty_like(of_rank)
    np.put_along_axis(scores, order, of_rank, 1)
    return scores


@register_conformity_score("pas")
def _pas(probabilities: Floats, prevalence: Floats) -> Floats:
    """Minus p of the class divided by its share of the training photos: rare classes enter a set sooner.

    With true probabilities, no other sets of the same mean size cover the mean class better.

    Source: Ding, Fermanian, Salmon, "Conformal prediction for long-tailed classification" (2025, arXiv:2507.06867),
    prevalence-adjusted softmax (PAS).
    """
    return np.asarray(-probabilities.astype(np.float64) / prevalence)


@dataclass(frozen=True, slots=True)
class ConformityScore:
    """A conformity score with its parameters: the larger, the less a class conforms to the photo.

    Attributes:
        name: Name in `CONFORMITY_SCORES`.
        k_reg: RAPS adds no penalty up to this rank; the most probable class has rank 1.
        penalty: Lambda of RAPS, added for each rank beyond `k_reg`. It is 0 for every other score.
        prevalence: Share of each class among the training photos, (K,), for scores that take it; None for others.
    """

    name: str = "lac"
    k_reg: int = 0
    penalty: float = 0.0
    prevalence: tuple[float, ...] | None = None

    @property
    def is_chosen(self) -> bool:
        """Whether photos chose its parameters."""
        return self.k_reg > 0

    def __call__(self, probabilities: Floats) -> Floats:
        """Return the score of each class, (n, K), from probabilities (n, K)."""
        score = CONFORMITY_SCORES.load(self.name)
        prevalence = self.prevalence_of(probabilities.shape[1])
        if prevalence is not None:
            return score(probabilities, prevalence=prevalence)
        return score(probabilities, k_reg=self.k_reg, penalty=self.penalty) if self.penalty else score(probabilities)

    def prevalence_of(self, num_classes: int) -> Float64s | None:
        """Return the prevalence (K,) of trained classes, then their mean for each class that was enrolled later."""
        if self.prevalence is None:
            return None
        held = np.array(self.prevalence)
        return np.concatenate([held, np.full(num_classes - len(held), held.mean())])


def takes_prevalence(name: str) -> bool:
    """Return whether a score has the argument `prevalence`, (K,)."""
    return "prevalence" in inspect.signature(CONFORMITY_SCORES.load(name)).parameters


LAC = ConformityScore()
