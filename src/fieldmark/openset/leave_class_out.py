"""Leave-class-out simulations: how photos of unseen classes score when the model is fitted without these classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldmark.arrays import Bools, Float32s, Float64s, Ints, log_softmax, unit_rows
from fieldmark.calibration.temperature import SIGNIFICANT_SHIFT, calibration_shift, pooled_temperature
from fieldmark.layers.softmax_regression import fit_softmax
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.projection import Projection
from fieldmark.openset.unknown_scores import DEFAULT_SCORE, OpenSetFeatures, known_scores, scales_on
from fieldmark.progress import track
from fieldmark.scores import UNKNOWN_SCORES
from fieldmark.training.frozen.fold_numbers import fold_numbers
from fieldmark.training.frozen.single_thread import one_thread_each

__all__ = ["ClassFold", "auroc_by_score", "choose_score", "leave_class_out"]


FOLDS = 5
"""Each fold leaves out a fifth of the classes and a fifth of the photos."""

_STANDARD_ERRORS = 3.0  # with five folds, chance exceeds this once in fifty times
_INVERSE_REGULARISATION = 15.0
_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class ClassFold:
    """Results of a fit without some classes, on photos that it did not see.

    Attributes:
        known: Photos of the classes that stayed: val photos, and a fifth of their train photos.
        labels: (n,) indices among the classes that stayed.
        photos: (n,) a number for each photo, the same in every fold.
        known_from_train: (n,) True for train photos.
        unknown: Photos of the classes that were left out.
        unknown_labels: (m,) their classes.
        unknown_from_train: (m,) True for train photos.
        calibration_shift: How over-confident the head is on train photos compared with val photos.
    """

    known: OpenSetFeatures
    labels: Ints
    photos: Ints
    known_from_train: Bools
    unknown: OpenSetFeatures
    unknown_labels: Ints
    unknown_from_train: Bools
    calibration_shift: float


def leave_class_out(
    train: Float32s,
    train_labels: Ints,
    val: Float32s,
    val_labels: Ints,
    groups: Ints,
    *,
    seed: int = 0,
    device: str = "cpu",
) -> list[ClassFold]:
    """Return five folds; each class is left out of one, and each other train photo is held back in one.

    Projection, Gaussians and head of a fold are fitted only on the classes that stayed: those of the model separate
    the left-out classes too well, because they have seen them. If train photos score significantly higher than val
    photos, for example because val was taken elsewhere, only val photos of the classes that stayed are used.

    Args:
        train: (n, D) embeddings.
        train_labels: (n,) their classes.
        val: (m, D) embeddings of photos outside training; m may be 0.
        val_labels: (m,) their classes.
        groups: (n,) train photos with equal numbers are held back together.
        seed: Seed of the folds.
        device: Where heads are fitted.

    Returns:
        Empty if there are fewer than two classes.
    """
    classes = np.random.default_rng(seed).permutation(np.unique(train_labels))
    if len(classes) < 2:
        return []
    also = np.isin(val_labels, classes)
    rows = _narrow(np.concatenate([train, val[also]]))
    labels = np.concatenate([train_labels, val_labels[also]])
    photo_fold = np.full(len(labels), -1)
    photo_fold[: len(train)] = fold_numbers(train_labels, groups, FOLDS, seed)
    parts = min(FOLDS, len(classes))
    folds = [
        fold
        for number in track(range(parts), "leaving classes out")
        if (fold := _fit_fold(rows, labels, np.isin(labels, classes[number::parts]), photo_fold, number, device))
        is not None
    ]
    if not folds or np.mean([fold.calibration_shift for fold in folds]) <= SIGNIFICANT_SHIFT:
        return folds
    return [_val_only(fold) for fold in folds if not fold.known_from_train.all()]


def auroc_by_score(folds: Sequence[ClassFold]) -> dict[str, list[float]]:
    """Return for each score the AUROC in each fold, known photos against unknown ones.

    Only val photos are used if the folds have no known train photos. Empty with fewer than four folds, because with
    so few classes one or two of them decide.
    """
    from sklearn.metrics import roc_auc_score

    found: dict[str, list[float]] = {name: [] for name in UNKNOWN_SCORES}
    for fold in folds:
        unknown = fold.unknown.rows(~fold.unknown_from_train | fold.known_from_train.any())
        if not len(unknown.vectors):
            continue
        scales = scales_on(fold.known)
        is_known = np.arange(len(fold.labels) + len(unknown.vectors)) < len(fold.labels)
        for name, values in found.items():
            scores = [known_scores(name, photos, scales) for photos in (fold.known, unknown)]
            values.append(float(roc_auc_score(is_known, np.concatenate(scores))))
    return found if len(found[DEFAULT_SCORE]) >= FOLDS - 1 else {}


def choose_score(simulated: Mapping[str, Sequence[float]]) -> str:
    """Return the default score, or a better one: by more than three standard errors of the difference over folds."""
    best = DEFAULT_SCORE
    for name, values in simulated.items():
        gain = np.subtract(values, simulated[DEFAULT_SCORE])
        margin = max(0.01, _STANDARD_ERRORS * float(gain.std(ddof=1)) / np.sqrt(len(gain)))
        if gain.mean() > margin and np.mean(values) > np.mean(simulated[best]):
            best = name
    return best


def _fit_fold(
    rows: Float32s, labels: Ints, is_unknown: Bools, photo_fold: Ints, number: int, device: str
) -> ClassFold | None:
    """Fit one fold; None if no photos are left to fit or to test. `photo_fold` is -1 for val photos."""
    from_train = photo_fold >= 0
    fitted = from_train & ~is_unknown & (photo_fold != number)
    classes = np.unique(labels[fitted])
    tested = ~is_unknown & ~fitted & np.isin(labels, classes)
    if not len(classes) or not tested.any() or not is_unknown.any():
        return None
    projection = Projection.fit(rows[fitted])
    vectors, truth = projection(rows[fitted]), np.searchsorted(classes, labels[fitted])
    gaussians = ClassGaussians.fit(vectors, truth, len(classes))
    known, unknown = projection(rows[tested]), projection(rows[is_unknown])
    logits = _logits(vectors, truth, len(classes), np.concatenate([known, unknown]), device)
    inside, positions = logits[: len(known)], np.searchsorted(classes, labels[tested])
    of_train = from_train[tested]
    by_origin = inside[~of_train], positions[~of_train], inside[of_train], positions[of_train]
    temperature = pooled_temperature(*by_origin)

    def features(photos: Float32s, logits: Float64s) -> OpenSetFeatures:
        scaled = logits / temperature
        return OpenSetFeatures(np.exp(log_softmax(scaled)), scaled, photos, vectors, gaussians)

    return ClassFold(
        features(known, inside),
        positions,
        np.flatnonzero(tested),
        of_train,
        features(unknown, logits[len(known) :]),
        labels[is_unknown],
        from_train[is_unknown],
        calibration_shift(*by_origin),
    )


def _val_only(fold: ClassFold) -> ClassFold:
    """Return the fold without the train photos of the classes that stayed."""
    val = ~fold.known_from_train
    return replace(
        fold,
        known=fold.known.rows(val),
        labels=fold.labels[val],
        photos=fold.photos[val],
        known_from_train=fold.known_from_train[val],
    )


def _logits(vectors: Float32s, labels: Ints, num_classes: int, photos: Float32s, device: str) -> Float64s:
    """Return logits (n, K) of a softmax regression; zeros with a single class."""
    if num_classes == 1:
        return np.zeros((len(photos), 1))
    with one_thread_each(1) as pool:
        head = pool.submit(
            fit_softmax, vectors, labels, num_classes, _INVERSE_REGULARISATION, max_iter=_ITERATIONS, device=device
        ).result()
    return np.asarray(head(photos), dtype=np.float64)


def _narrow(rows: Float32s) -> Float32s:
    """Return unit rows with the same angles in at most n dimensions, (n, min(n, D)), so that PCA is fast."""
    units = unit_rows(rows)
    if units.shape[1] <= len(units):
        return units
    values, vectors = np.linalg.eigh((units @ units.T).astype(np.float64))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), dtype=np.float32)
