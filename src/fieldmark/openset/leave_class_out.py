"""What a model would say of classes that it does not know: each is left out once, and the rest is fitted again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Bools, Float32s, Ints
from fieldmark.calibration.temperature import CONTRADICTION, contradiction, log_softmax, pooled_temperature
from fieldmark.layers.softmax_regression import fit_softmax
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.projection import Projection, unit_rows
from fieldmark.openset.unknown_scores import DEFAULT_SCORE, JOINED, KNOWN_SCORES, Evidence, known_scores, scales_on
from fieldmark.training.frozen.choose_head import fold_numbers
from fieldmark.training.frozen.single_thread import one_thread_each

__all__ = ["Draw", "choose_score", "leave_out", "tell_apart"]


FOLDS = 5
"""A fifth of the classes, and of the photos, is left out of each draw."""

_SURE = 3.0  # standard errors of five draws that chance passes once in fifty times
_STRENGTH = 15.0  # C of the softmax regression
_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class Draw:
    """What a fit without some classes says of photos that it did not see.

    Attributes:
        known: Photos of the classes that stayed: their val photos, and a fifth of their train photos.
        labels: (n,) their classes, as positions among those that stayed.
        photos: (n,) a number for each of them, the same in every draw.
        known_from_train: (n,) which of them are train photos.
        foreign: Photos of the classes that were left out.
        foreign_labels: (m,) their classes.
        from_train: (m,) which of them are train photos.
        flattery: How much surer train photos look than val photos, see `contradiction`.
    """

    known: Evidence
    labels: Ints
    photos: Ints
    known_from_train: Bools
    foreign: Evidence
    foreign_labels: Ints
    from_train: Bools
    flattery: float


def leave_out(
    train: Float32s, train_labels: Ints, val: Float32s, val_labels: Ints, groups: Ints, *, seed: int = 0
) -> list[Draw]:
    """Five draws; each class is left out of one of them, and each train photo of the others is held back in one.

    Projection, statistics and head of a draw are fitted on the other classes alone: the model's own have seen the
    classes that are left out and set them apart, which makes unknowns look easier to tell than they are. Where train
    photos look surer than val photos by more than chance, as where val was taken in another place, the photos of the
    classes that stayed are those of val alone.

    Args:
        train: (n, D) embeddings.
        train_labels: (n,) their classes.
        val: (m, D) embeddings of photos that no epoch has seen; m may be 0.
        val_labels: (m,) their classes.
        groups: (n,) photos of train with equal numbers are held back together.
        seed: Of the draws.

    Returns:
        Empty where there are fewer than two classes.
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
    draws = [
        draw
        for fold in range(parts)
        if (draw := _draw(rows, labels, np.isin(labels, classes[fold::parts]), photo_fold, fold)) is not None
    ]
    if not draws or np.mean([draw.flattery for draw in draws]) <= CONTRADICTION:
        return draws
    return [_val_alone(draw) for draw in draws if not draw.known_from_train.all()]


def tell_apart(draws: Sequence[Draw]) -> dict[str, list[float]]:
    """Score -> AUROC in each draw, photos of the classes that stayed against photos of those left out.

    Of val alone where `leave_out` left the others no more. Empty where there are fewer than four draws: with so few
    classes, one or two decide.
    """
    from sklearn.metrics import roc_auc_score

    found: dict[str, list[float]] = {name: [] for name in (*KNOWN_SCORES, *JOINED)}
    for draw in draws:
        strangers = _some(draw.foreign, ~draw.from_train | draw.known_from_train.any())
        if not len(strangers.vectors):
            continue
        scales = scales_on(draw.known)
        is_known = np.arange(len(draw.labels) + len(strangers.vectors)) < len(draw.labels)
        for name, values in found.items():
            scores = [known_scores(name, photos, scales) for photos in (draw.known, strangers)]
            values.append(float(roc_auc_score(is_known, np.concatenate(scores))))
    return found if len(found[DEFAULT_SCORE]) >= FOLDS - 1 else {}


def _some(photos: Evidence, which: Bools) -> Evidence:
    return replace(
        photos, probabilities=photos.probabilities[which], logits=photos.logits[which], vectors=photos.vectors[which]
    )


def choose_score(simulated: Mapping[str, Sequence[float]]) -> str:
    """The default, unless another is better by more than three standard errors of the difference over the draws."""
    best = DEFAULT_SCORE
    for name, values in simulated.items():
        gain = np.subtract(values, simulated[DEFAULT_SCORE])
        margin = max(0.01, _SURE * float(gain.std(ddof=1)) / np.sqrt(len(gain)))
        if gain.mean() > margin and np.mean(values) > np.mean(simulated[best]):
            best = name
    return best


def _draw(rows: Float32s, labels: Ints, is_foreign: Bools, photo_fold: Ints, fold: int) -> Draw | None:
    """One fit; None where nothing is left to fit on or to look at. `photo_fold` is -1 for val photos."""
    from_train = photo_fold >= 0
    fitted = from_train & ~is_foreign & (photo_fold != fold)
    classes = np.unique(labels[fitted])
    seen = ~is_foreign & ~fitted & np.isin(labels, classes)
    if not len(classes) or not seen.any() or not is_foreign.any():
        return None
    projection = Projection.fit(rows[fitted])
    vectors, truth = projection(rows[fitted]), np.searchsorted(classes, labels[fitted])
    statistics = ClassGaussians.fit(vectors, truth, len(classes))
    known, foreign = projection(rows[seen]), projection(rows[is_foreign])
    logits = _logits(vectors, truth, len(classes), np.concatenate([known, foreign]))
    inside, positions = logits[: len(known)], np.searchsorted(classes, labels[seen])
    of_train = from_train[seen]
    sides = inside[~of_train], positions[~of_train], inside[of_train], positions[of_train]
    temperature = pooled_temperature(*sides)

    def evidence(photos: Float32s, logits: NDArray[np.float64]) -> Evidence:
        scaled = logits / temperature
        return Evidence(np.exp(log_softmax(scaled)), scaled, photos, vectors, statistics)

    return Draw(
        evidence(known, inside),
        positions,
        np.flatnonzero(seen),
        of_train,
        evidence(foreign, logits[len(known) :]),
        labels[is_foreign],
        from_train[is_foreign],
        contradiction(*sides),
    )


def _val_alone(draw: Draw) -> Draw:
    """The same draw without the train photos of the classes that stayed."""
    val = ~draw.known_from_train
    return replace(
        draw,
        known=_some(draw.known, val),
        labels=draw.labels[val],
        photos=draw.photos[val],
        known_from_train=draw.known_from_train[val],
    )


def _logits(vectors: Float32s, labels: Ints, num_classes: int, photos: Float32s) -> NDArray[np.float64]:
    """(n, K) by a softmax regression; zeros where a single class leaves nothing to learn."""
    if num_classes == 1:
        return np.zeros((len(photos), 1))
    with one_thread_each(1) as pool:
        head = pool.submit(fit_softmax, vectors, labels, num_classes, _STRENGTH, max_iter=_ITERATIONS).result()
    return np.asarray(head(photos), dtype=np.float64)


def _narrow(rows: Float32s) -> Float32s:
    """The same lengths and angles in no more numbers than there are rows, (n, min(n, D)); the rows at length 1.

    Components of every draw are then found as fast for long embeddings as for short ones.
    """
    units = unit_rows(rows)
    if units.shape[1] <= len(units):
        return units
    values, vectors = np.linalg.eigh((units @ units.T).astype(np.float64))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), dtype=np.float32)
