"""Conformity scores of classes: LAC, APS and RAPS.

They are deterministic, so that a photo always gets the same prediction set: the random number u of the papers is 1,
for calibration photos and for new photos alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats
from fieldmark.structures import ConformalName

__all__ = ["LAC", "ConformityScore"]


@dataclass(frozen=True, slots=True)
class ConformityScore:
    """A conformity score: the larger, the less a class conforms to the photo.

    Attributes:
        name: ``lac``, ``aps`` or ``raps``.
        k_reg: RAPS adds no penalty up to this rank; the most probable class has rank 1.
        penalty: Lambda of RAPS, added for each rank beyond `k_reg`.
    """

    name: ConformalName = "lac"
    k_reg: int = 0
    penalty: float = 0.0

    def __call__(self, probabilities: Floats) -> Floats:
        """Return the score of each class, (n, K), from probabilities (n, K).

        ``lac`` is 1 - p of the class. ``aps`` is the summed probability of all more probable classes, 0 for the most
        probable one. ``raps`` adds `penalty` for each rank beyond `k_reg`.

        Source: Sadinle, Lei, Wasserman, "Least ambiguous set-valued classifiers with bounded error levels" (JASA
        2019); Romano, Sesia, Candès, "Classification with valid and adaptive coverage" (NeurIPS 2020), eq. 5;
        Angelopoulos, Bates, Malik, Jordan, "Uncertainty sets for image classifiers using conformal prediction" (ICLR
        2021), eq. 4.
        """
        if self.name == "lac":
            return np.asarray(1.0 - probabilities.astype(np.float64))
        order = np.argsort(-probabilities, axis=1, kind="stable")
        ranked = np.take_along_axis(probabilities.astype(np.float64), order, 1)
        of_rank = np.zeros_like(ranked)
        np.cumsum(ranked[:, :-1], axis=1, out=of_rank[:, 1:])
        if self.name == "raps":
            of_rank += self.penalty * np.maximum(0, np.arange(1, of_rank.shape[1] + 1) - self.k_reg)
        scores = np.empty_like(of_rank)
        np.put_along_axis(scores, order, of_rank, 1)
        return scores


LAC = ConformityScore()
