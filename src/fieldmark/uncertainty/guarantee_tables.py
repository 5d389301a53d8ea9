"""Results on the calibration set, kept in the model so that any level can be asked for later."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float64s, Floats, Ints
from fieldmark.tensor_file import read_tensors, tensor_shapes
from fieldmark.uncertainty.conformity_scores import LAC, ConformityScore
from fieldmark.uncertainty.prior import Prior
from fieldmark.uncertainty.taxonomy import Hierarchy

__all__ = ["MOST_KEPT", "GuaranteeTables"]

MOST_KEPT = 2_000_000
"""Numbers in `GuaranteeTables.sample`: 8 MB."""

_ALWAYS = {"scores": "float n", "paths": "float n levels", "distances": "int n"}
_OPTIONAL = {
    "ranks": "int n",
    "labels": "int labels",
    "prevalence": "float shares",
    "sample": "float sample classes",
    "sample_labels": "int sample",
    "class_weights": "float weighted",
}


@dataclass(frozen=True, slots=True)
class GuaranteeTables:
    """Results on the calibration set, from which the guarantee for any level is computed.

    Attributes:
        scores: (n,) sorted conformity scores of the correct classes.
        paths: (n, levels) probabilities of the predicted class and of its ancestors.
        distances: (n,) lowest correct level, in the order of `paths`.
        ranks: (n,) rank of the correct class among all classes, 1 for the most probable; in the order of `paths`.
        labels: (n,) correct classes, in the order of `scores`; empty in models of old versions.
        prevalence: (K,) share of each class among the training photos; empty for scores that do not take it.
        sample: (m, K) calibrated probabilities of calibration photos, for other priors; all of them, or as many as
            `MOST_KEPT` numbers hold. Empty in models of old versions.
        sample_labels: (m,) their correct classes.
        weights: (n,) weight of each photo, in the order of `scores`; empty if all count the same.
        class_weights: (K,) weight of a photo of each class, where the guarantees hold for classes that are all equally
            frequent; empty where they hold for photos like the calibration photos.
    """

    scores: Float64s
    paths: Float64s
    distances: Ints
    ranks: Ints
    labels: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    prevalence: Float64s = field(default_factory=lambda: np.zeros(0))
    sample: Floats = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    sample_labels: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    weights: Float64s = field(default_factory=lambda: np.zeros(0))
    class_weights: Float64s = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(
        cls,
        probabilities: Floats,
        labels: Ints,
        hierarchy: Hierarchy,
        score: ConformityScore = LAC,
        class_weights: Floats | None = None,
    ) -> GuaranteeTables:
        """Compute the tables from calibrated probabilities (n, K) and labels (n,) of the calibration set.

        With weights of the classes, (K,), a photo counts as much as its class.
        """
        rows = np.arange(len(labels))
        own = np.asarray(score(probabilities)[rows, labels], dtype=np.float64)
        order = np.argsort(own, kind="stable")
        own, probabilities, labels = own[order], probabilities[order], labels[order]
        ranks = 1 + (probabilities > probabilities[rows, labels][:, None]).sum(1)
        kept = _kept(*probabilities.shape)
        return cls(
            own,
            hierarchy.path(probabilities),
            hierarchy.distance(probabilities.argmax(1), labels),
            np.asarray(ranks, dtype=np.int64),
            labels,
            np.array(score.prevalence or (), dtype=np.float64),
            np.asarray(probabilities[kept], dtype=np.float32),
            labels[kept],
            np.zeros(0) if class_weights is None else np.asarray(class_weights[labels], dtype=np.float64),
            np.zeros(0) if class_weights is None else np.asarray(class_weights, dtype=np.float64),
        )

    def under(self, prior: Prior, hierarchy: Hierarchy, score: ConformityScore) -> GuaranteeTables:
        """Return the tables under a prior with weights (K + m,): those of the photos whose class has a weight."""
        num_classes = self.sample.shape[1]
        shares = prior.weights[:num_classes]
        rows = shares[self.sample_labels] > 0
        if not rows.any():
            return GuaranteeTables.empty(len(hierarchy.levels))
        found = GuaranteeTables.of(Prior(shares)(self.sample[rows]), self.sample_labels[rows], hierarchy, score)
        own = shares * self.class_weights if len(self.class_weights) else shares
        return replace(found, weights=own[found.labels], class_weights=self.class_weights)

    @classmethod
    def empty(cls, levels: int) -> GuaranteeTables:
        """Return the tables of an empty calibration set."""
        none = np.zeros(0, dtype=np.int64)
        return cls(np.zeros(0), np.zeros((0, levels)), none, none)

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        from safetensors.numpy import save_file

        kept = (*_ALWAYS, *_OPTIONAL)
        held = {each.name: np.ascontiguousarray(getattr(self, each.name)) for each in fields(self) if each.name in kept}
        save_file({name: values for name, values in held.items() if values.size or name in _ALWAYS}, path)

    @classmethod
    def load(cls, path: Path, levels: int, classes: int) -> GuaranteeTables:
        """Read a file that `save` wrote. Old versions kept no ranks: a wrong class then counts as the second one.

        Raises:
            ValueError: The file is damaged, or is not for a taxonomy of so many levels or for so many classes.
        """
        wanted = dict(_ALWAYS)
        wanted |= {name: shape for name, shape in _OPTIONAL.items() if name in tensor_shapes(path)}
        held = read_tensors(path, wanted, {"levels": levels, "classes": classes})
        distances, labels = held["distances"], held.get("labels", np.zeros(0, np.int64))
        if len(distances) and not 0 <= distances.min() <= distances.max() <= levels:
            raise ValueError("its tensor 'distances' names levels that the taxonomy does not have")
        if len(labels) not in (0, len(distances)) or (len(labels) and not 0 <= labels.min() <= labels.max() < classes):
            raise ValueError("its tensor 'labels' does not name a class for each photo")
        sampled = held.get("sample_labels", np.zeros(0, np.int64))
        if ("sample" in held) != ("sample_labels" in held) or (
            len(sampled) and not 0 <= sampled.min() <= sampled.max() < classes
        ):
            raise ValueError("its tensor 'sample_labels' does not name a class for each row of 'sample'")
        shares = held.get("prevalence", np.zeros(0))
        if len(shares) not in (0, classes) or (shares <= 0).any():
            raise ValueError("its tensor 'prevalence' does not hold a share for each class")
        weighing = held.get("class_weights", np.zeros(0))
        if len(weighing) not in (0, classes) or not np.isfinite(weighing).all() or (weighing <= 0).any():
            raise ValueError("its tensor 'class_weights' does not hold a weight for each class")
        if len(weighing):
            held["weights"] = weighing[labels]
        held.setdefault("ranks", np.where(distances == 0, 1, 2))
        return cls(**{each.name: held[each.name] for each in fields(cls) if each.name in held})


def _kept(photos: int, num_classes: int) -> Ints:
    """Return the rows that are kept: all, or a draw that does not depend on anything but the numbers."""
    most = max(1, MOST_KEPT // max(1, num_classes))
    if photos <= most:
        return np.arange(photos)
    return np.sort(np.random.default_rng(0).choice(photos, most, replace=False))
