"""What stands behind an answer: its candidate set, its rank, and the held-out photos that vouch for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Bools, Floats, Ints
from fieldmark.artifact.load import verified_file
from fieldmark.artifact.manifest import Manifest
from fieldmark.errors import SettingError
from fieldmark.uncertainty.backoff import learn_threshold
from fieldmark.uncertainty.conformal import (
    candidate_sets,
    conformity_scores,
    demand_level,
    photos_needed,
    score_quantile,
)
from fieldmark.uncertainty.conformity_scores import LAC, ConformityScore
from fieldmark.uncertainty.taxonomy import Hierarchy

__all__ = ["TRUST_FILE", "AnswerOptions", "GuaranteeTables", "Guarantees", "hierarchy_of", "load_guarantees"]


TRUST_FILE = "trust.safetensors"


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What a caller asks of answers.

    Attributes:
        top_k: Candidates in an answer.
        coverage: Level of the candidate sets; the model's own for None.
        confidence: Share of answers that shall be right at their rank; the model's own for None.
    """

    top_k: int = 5
    coverage: float | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class GuaranteeTables:
    """How held-out photos were answered, for any level that is asked for later.

    Attributes:
        scores: (n,) sorted conformity scores.
        paths: (n, levels) probabilities of the best class and of its ancestors.
        distances: (n,) lowest level that is right.
    """

    scores: NDArray[np.float64]
    paths: NDArray[np.float64]
    distances: Ints

    @classmethod
    def of(
        cls, probabilities: Floats, labels: Ints, hierarchy: Hierarchy, score: ConformityScore = LAC
    ) -> GuaranteeTables:
        """From calibrated probabilities (n, K) of photos that served for nothing else, and their labels (n,)."""
        distances = hierarchy.distance(probabilities.argmax(1), labels)
        return cls(conformity_scores(probabilities, labels, score), hierarchy.path(probabilities), distances)

    @classmethod
    def empty(cls, levels: int) -> GuaranteeTables:
        return cls(np.zeros(0), np.zeros((0, levels)), np.zeros(0, dtype=np.int64))

    def save(self, path: Path) -> None:
        from safetensors.numpy import save_file

        tensors = {"scores": self.scores, "paths": self.paths, "distances": self.distances}
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path)

    @classmethod
    def load(cls, path: Path) -> GuaranteeTables:
        from safetensors.numpy import load_file

        held = load_file(path)
        return cls(held["scores"], held["paths"], held["distances"])


@dataclass(slots=True)
class Guarantees:
    """Sets and ranks of answers.

    Attributes:
        hierarchy: The classes and their ancestors.
        tables: What vouches for them.
        coverage: Of the sets where nobody names another.
        confidence: Of the ranks where nobody names another; None leaves answers at the class.
        score: Of the sets, and of the tables.
    """

    hierarchy: Hierarchy
    tables: GuaranteeTables
    coverage: float = 0.9
    confidence: float | None = None
    score: ConformityScore = LAC
    _thresholds: dict[float, float | None] = field(default_factory=dict)

    @property
    def photos(self) -> int:
        """How many held-out photos there are."""
        return len(self.tables.scores)

    def demand(self, wanted: AnswerOptions) -> None:
        """Refuse levels that are none, or that nothing vouches for.

        Raises:
            SettingError: A level does not lie between 0 and 1, or the coverage needs more calibration photos.
        """
        if wanted.confidence is not None:
            demand_level("confidence", wanted.confidence)
        if wanted.coverage is None:
            return
        demand_level("coverage", wanted.coverage)
        needed = photos_needed(wanted.coverage)
        if self.photos < needed:
            raise SettingError(
                f"a coverage of {wanted.coverage:g} needs {needed} calibration photos, but the model has "
                f"{self.photos}; ask for less, or fit on more photos"
            )

    def coverage_of(self, wanted: AnswerOptions) -> float:
        return self.coverage if wanted.coverage is None else wanted.coverage

    def confidence_of(self, wanted: AnswerOptions) -> float | None:
        return self.confidence if wanted.confidence is None else wanted.confidence

    def sets(self, probabilities: Floats, coverage: float) -> Bools | None:
        """Candidate sets (n, K); None where the held-out photos are too few for that level."""
        quantile = score_quantile(self.tables.scores, coverage)
        return None if quantile is None else candidate_sets(probabilities, quantile, self.score)

    def threshold(self, confidence: float) -> tuple[float, bool]:
        """Probability from which on an answer stands, and whether held-out photos vouch for it.

        Where they are too few, or none is sure enough, the wanted share itself is the threshold: right as far as the
        calibrated probabilities are.
        """
        if confidence not in self._thresholds:
            self._thresholds[confidence] = learn_threshold(self.tables.paths, self.tables.distances, confidence)
        found = self._thresholds[confidence]
        return (confidence, False) if found is None else (found, True)


def hierarchy_of(manifest: Manifest, enrolled: Sequence[str] = ()) -> Hierarchy:
    """Of the model's classes; those that were enrolled have no ancestors."""
    return Hierarchy((*manifest.classes, *enrolled), manifest.ranks, manifest.taxonomy)


def load_guarantees(folder: Path, manifest: Manifest, enrolled: Sequence[str] = ()) -> Guarantees:
    """Of a model folder; models of older versions vouch for nothing.

    Raises:
        ModelError: The file is missing or damaged.
    """
    hierarchy, facts = hierarchy_of(manifest, enrolled), manifest.trust
    if facts is None:
        return Guarantees(hierarchy, GuaranteeTables.empty(len(hierarchy.levels)))
    tables = GuaranteeTables.load(verified_file(folder, manifest, facts.file))
    score = ConformityScore(facts.score, facts.k_reg, facts.penalty)
    return Guarantees(hierarchy, tables, facts.coverage, facts.confidence, score)
