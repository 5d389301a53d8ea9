"""How odd a class is for a photo, in the three ways that candidate sets can be made by: LAC, APS and RAPS.

Nothing is drawn at random, so that a photo always gets the same set: a class counts what stands before it, the papers'
u = 1, in photos that calibrate and in photos that are answered alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats
from fieldmark.methods.settings_base import ConformalName

__all__ = ["LAC", "ConformityScore"]


@dataclass(frozen=True, slots=True)
class ConformityScore:
    """A conformity score.

    Attributes:
        name: ``lac``, ``aps`` or ``raps``.
        k_reg: Of RAPS: ranks up to this one cost nothing; the best class has rank 1.
        penalty: Of RAPS: lambda, what each rank behind `k_reg` costs.
    """

    name: ConformalName = "lac"
    k_reg: int = 0
    penalty: float = 0.0

    def __call__(self, probabilities: Floats) -> Floats:
        """How odd each class is, (n, K), from probabilities (n, K).

        ``lac`` is 1 - p of the class itself. ``aps`` is the probability of all classes that come before it, 0 for the
        best one. ``raps`` adds `penalty` for each rank behind `k_reg`.

        Source: Sadinle, Lei, Wasserman, "Least ambiguous set-valued classifiers with bounded error levels" (JASA
        2019); Romano, Sesia, Candès, "Classification with valid and adaptive coverage" (NeurIPS 2020), eq. 5;
        Angelopoulos, Bates, Malik, Jordan, "Uncertainty sets for image classifiers using conformal prediction" (ICLR
        2021), eq. 4.
        """
        if self.name == "lac":
            return np.asarray(1.0 - probabilities)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        ranked = np.take_along_axis(probabilities.astype(np.float64), order, 1)
        odd = np.zeros_like(ranked)
        np.cumsum(ranked[:, :-1], axis=1, out=odd[:, 1:])
        if self.name == "raps":
            odd += self.penalty * np.maximum(0, np.arange(1, odd.shape[1] + 1) - self.k_reg)
        scores = np.empty_like(odd)
        np.put_along_axis(scores, order, odd, 1)
        return scores


LAC = ConformityScore()
