"""Find wrong labels by cross-validation: models that were not trained on a photo disagree with its label."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float32s, Float64s, Ints, evenly, unit_rows
from fieldmark.evaluation.label_suspects import Suspect, is_suspect
from fieldmark.evaluation.labelled_predictions import Predictions

__all__ = ["LabelCheck", "check_labels", "label_suspects", "out_of_fold_probabilities", "suspects_of"]

_COMPONENTS = 128
_COMPONENT_PHOTOS = 3000
"""Photos of a fold that give its principal components; more would only need memory."""
_CHUNK = 1024
_INVERSE_REGULARISATION = 10.0
_MIN_GROUPS = 3
"""A class with fewer groups has too few photos of other groups to check its labels."""


@dataclass(frozen=True, slots=True)
class LabelCheck:
    """Probabilities of photos by models that were not trained on them.

    Attributes:
        rows: (n,) positions of the photos whose labels can be checked.
        labels: (C,) label of each column.
        given: (n,) column of the label that each photo has.
        probabilities: (n, C).
    """

    rows: Ints
    labels: Ints
    given: Ints
    probabilities: Float64s


def label_suspects(
    embeddings: Float32s, labels: Sequence[int], groups: Sequence[int], *, seed: int = 0, folds: int = 5
) -> list[Suspect]:
    """Find wrong labels with cleanlab on out-of-fold probabilities, by the rule of `is_suspect`.

    cleanlab's own number of label errors is too small for easy classes and too large for hard ones. Measured with
    EfficientNet-Lite0 and 3% of the labels changed at random, as precision and recall (in brackets: cleanlab's own
    number): Flowers-17 0.93 and 0.90 (1.00 and 0.83), CUB-200-2011, first 50 species, 0.70 and 0.92 (0.27 and 0.99),
    Grocery, 81 products, 0.96 and 0.93 (0.81 and 0.97). With the original labels, 3, 27 and 4 photos are suspect (5,
    225 and 57).

    Args:
        embeddings: (N, D); rows that are not finite are ignored.
        labels: N labels.
        groups: N numbers. Photos with equal numbers show the same moment; they are never in both training and test
            folds.
        seed: Seed of the folds.
        folds: Number of folds.

    Returns:
        The suspects, the least probable label first. Classes with fewer than three groups are left out.
    """
    found = check_labels(embeddings, labels, groups, seed=seed, folds=folds)
    return [] if found is None else suspects_of(found)


def check_labels(
    embeddings: Float32s, labels: Sequence[int], groups: Sequence[int], *, seed: int = 0, folds: int = 5
) -> LabelCheck | None:
    """Compute out-of-fold probabilities; the arguments are those of `label_suspects`.

    Returns:
        None where fewer than two classes have enough groups.
    """
    rows = _checkable(embeddings, labels, groups)
    names, given = np.unique(np.asarray(labels)[rows], return_inverse=True)
    if len(names) < 2:
        return None
    used = embeddings if len(rows) == len(embeddings) else embeddings[rows]
    probabilities = out_of_fold_probabilities(used, given, np.asarray(groups)[rows], seed=seed, folds=folds)
    return LabelCheck(rows, names, given, probabilities)


def suspects_of(found: LabelCheck) -> list[Suspect]:
    """Return the suspect labels, the least probable label first."""
    from cleanlab.filter import find_label_issues

    given, probabilities = found.given, found.probabilities
    issues = find_label_issues(
        given, probabilities, filter_by="predicted_neq_given", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    predictions = Predictions(probabilities, given)
    suspect, predicted = is_suspect(predictions), predictions.predicted
    own, best = predictions.label_probability, predictions.confidence
    return [
        Suspect(int(found.rows[row]), int(found.labels[predicted[row]]), float(own[row]), float(best[row]))
        for row in issues
        if suspect[row]
    ]


def out_of_fold_probabilities(embeddings: Float32s, labels: Ints, groups: Ints, *, seed: int, folds: int) -> Float64s:
    """Return (N, C) probabilities of each photo by a linear model that was not trained on its group.

    If the model was not trained on a photo's class at all, the photo's own label gets probability 1.

    Args:
        embeddings: (N, D), finite.
        labels: (N,) labels 0 to C - 1, each of at least two groups.
        groups: (N,) group numbers.
        seed: Seed of the folds.
        folds: Number of folds; fewer if the largest class has fewer photos.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from threadpoolctl import threadpool_limits

    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    folds = max(2, min(folds, int(np.bincount(labels).max())))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    # One thread: the matrices are so small that waiting threads would cost twenty times the work.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # small classes and early stops are expected here
        for fold, (seen, unseen) in enumerate(splitter.split(embeddings, labels, groups)):
            rows = _components(embeddings, seen, seed + fold)
            model = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=200).fit(rows[seen], labels[seen])
            probabilities[np.ix_(unseen, model.classes_)] = model.predict_proba(rows[unseen])
            unlearnt = unseen[~np.isin(labels[unseen], model.classes_)]
            probabilities[unlearnt] = np.eye(probabilities.shape[1])[labels[unlearnt]]
    return probabilities


def _components(embeddings: Float32s, seen: Ints, seed: int) -> Float32s:
    """Return the unit embeddings in at most 128 principal components, (N, d), which come from the photos in `seen`."""
    from sklearn.decomposition import PCA

    sample = seen[evenly(len(seen), _COMPONENT_PHOTOS)]
    dim = min(_COMPONENTS, embeddings.shape[1], len(sample) - 1)
    found = PCA(dim, random_state=seed, copy=False).fit(unit_rows(embeddings[sample]))
    starts = range(0, len(embeddings), _CHUNK)
    return np.concatenate([found.transform(unit_rows(embeddings[start : start + _CHUNK])) for start in starts])


def _checkable(embeddings: Float32s, labels: Sequence[int], groups: Sequence[int]) -> Ints:
    """Rows that can be checked: finite, and of a class with enough groups."""
    moments = {(label, group) for label, group in zip(labels, groups, strict=True)}
    sizes = np.bincount([label for label, _ in moments])
    finite = np.isfinite(embeddings).all(axis=1)
    return np.flatnonzero(finite & (sizes[np.asarray(labels)] >= _MIN_GROUPS))
