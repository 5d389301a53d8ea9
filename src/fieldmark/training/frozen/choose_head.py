"""Choose descriptors and C by cross-validation inside train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float32s, Ints
from fieldmark.cores import available_cpus
from fieldmark.layers.class_balance import BALANCES, Metric, accuracy, accuracy_error, fit_head, predicted
from fieldmark.layers.softmax_regression import LinearHead
from fieldmark.progress import track
from fieldmark.training.frozen.design_matrix import Descriptors, DesignMatrix, Scaling, fit_scaling
from fieldmark.training.frozen.fold_numbers import fold_numbers
from fieldmark.training.frozen.single_thread import one_thread_each

__all__ = ["C_GRID", "MAX_OUT_OF_FOLD", "HeadChoice", "choose_head", "refit"]


C_GRID = (15.0, 5.0, 45.0)
"""Values of C to try, the usual one first. Rows always have a mean squared norm of 1 for each descriptor."""

MAX_CV_PHOTOS = 2000
"""Maximum number of photos for cross-validation; the chosen head is fitted on all photos."""

MAX_OUT_OF_FOLD = 5000
"""Maximum number of photos to calibrate out of folds. Of more photos, a tenth is a large enough calibration set."""


@dataclass(frozen=True, slots=True)
class HeadChoice:
    """A set of descriptors with its C, and its results in cross-validation.

    Attributes:
        names: Descriptors that are concatenated.
        C: Inverse regularisation strength of `fit_softmax`.
        positions: Photos of the cross-validation, (n,).
        logits: Out-of-fold logits, (n, K).
        accuracy: Out-of-fold accuracy by the metric of the fit.
        fold_of: Fold of each photo that was given, (N,); -1 for photos left out of more than `MAX_OUT_OF_FOLD`.
        heads: The head of each fold, fitted on the other folds.
        balance: How much photos of rare classes count; see `fit_head`.
    """

    names: tuple[str, ...]
    C: float
    positions: Ints
    logits: Float32s
    accuracy: float
    fold_of: Ints
    heads: tuple[LinearHead, ...]
    balance: float = 0.0

    @property
    def start(self) -> LinearHead:
        """Mean of the heads of all folds, where the fit on all photos starts."""
        return _mean_head(self.heads)

    @property
    def label(self) -> str:
        return "+".join(self.names) + (f", balanced {self.balance:g}" if self.balance else "")


def choose_head(
    table: Descriptors,
    positions: Ints,
    labels: Ints,
    groups: Ints,
    candidates: Sequence[tuple[str, ...]],
    num_classes: int,
    *,
    views: Sequence[int] = (0,),
    answered: Sequence[int] | None = None,
    folds: int = 5,
    seed: int = 0,
    device: str = "cpu",
    metric: Metric = "top1",
) -> HeadChoice:
    """Return the candidate with the best out-of-fold accuracy, with its best C.

    A larger set of descriptors must beat a smaller one by half a standard error, so that chance does not make models
    larger. For the mean class accuracy, a head that is balanced between the classes must win by as much.

    Args:
        table: Descriptors.
        positions: Records of the table to use, (n,).
        labels: Classes of these records, (n,).
        groups: Groups of these records, (n,); a group lies in one fold.
        candidates: Sets of descriptors, the simplest first.
        num_classes: K.
        views: Views of the table that a head learns from.
        answered: Those of them whose logits are averaged; None for all.
        folds: Number of folds.
        seed: Of the folds.
        device: Where heads are fitted.
        metric: The accuracy to choose by.
    """
    chosen = thin_out(labels, MAX_CV_PHOTOS, seed)
    every = np.arange(len(labels)) if len(labels) <= MAX_OUT_OF_FOLD else chosen
    all_folds = np.full(len(labels), -1)
    all_folds[every] = fold_numbers(labels[every], groups[every], folds, seed)
    positions, labels, fold_of = positions[chosen], labels[chosen], all_folds[chosen]
    scalings = {name: fit_scaling(table, name, positions) for names in candidates for name in names}
    told = [place for place, view in enumerate(views) if answered is None or view in answered]

    def rows_of(names: tuple[str, ...]) -> Float32s:
        return DesignMatrix(table, positions, {name: scalings[name] for name in names}, views).read()

    def evaluate(
        names: tuple[str, ...], rows: Float32s, C: float, starts: Sequence[LinearHead | None], balance: float = 0.0
    ) -> tuple[HeadChoice, list[LinearHead]]:
        count = len(views)
        of_rows = np.repeat(labels, count), np.repeat(fold_of, count)
        heads = _fit_folds(rows, *of_rows, num_classes, C / count, starts, device, balance)
        logits = np.zeros((len(labels), num_classes), dtype=np.float32)
        by_photo = rows.reshape(len(labels), count, -1)
        for fold, head in enumerate(heads):
            outside = by_photo[fold_of == fold][:, told]
            each = head(outside.reshape(-1, rows.shape[1])).reshape(len(outside), len(told), -1)
            logits[fold_of == fold] = each.mean(1)
        reached = accuracy(predicted(logits, labels, metric) == labels, labels, metric)
        return HeadChoice(names, C, positions, logits, reached, all_folds, tuple(heads), balance), heads

    unfitted = [None] * (int(all_folds.max()) + 1)
    best, fitted = evaluate(candidates[0], rows_of(candidates[0]), C_GRID[0], unfitted)
    for names in candidates[1:]:
        found, heads = evaluate(names, rows_of(names), C_GRID[0], unfitted)
        if found.accuracy > best.accuracy + _margin(best, found, labels, metric):
            best, fitted = found, heads
    rows = rows_of(best.names)
    for balance in BALANCES[1:] if metric == "mean_class" else ():
        found, heads = evaluate(best.names, rows, C_GRID[0], fitted, balance)
        if found.accuracy > best.accuracy + 0.5 * _error(best, found, labels, metric):
            best, fitted = found, heads
    for C in C_GRID[1:]:
        found, _ = evaluate(best.names, rows, C, fitted, best.balance)
        best = found if found.accuracy > best.accuracy else best
    return best


def _fit_folds(
    rows: Float32s,
    labels: Ints,
    fold_of: Ints,
    num_classes: int,
    C: float,
    starts: Sequence[LinearHead | None],
    device: str,
    balance: float,
) -> list[LinearHead]:
    """Return a head for each fold, fitted on the other folds; each fold runs on one core with one thread."""

    def fit(fold: int) -> LinearHead:
        inside = fold_of != fold
        start, own = starts[fold], labels[inside]
        return fit_head(rows[inside], own, num_classes, C, balance=balance, start=start, max_iter=60, device=device)

    with one_thread_each(available_cpus()) as pool:
        return list(track(pool.map(fit, range(len(starts))), "choosing a head by cross-validation", len(starts)))


def refit(
    table: Descriptors,
    positions: Ints,
    labels: Ints,
    choice: HeadChoice,
    num_classes: int,
    device: str = "cpu",
) -> tuple[dict[str, Scaling], LinearHead]:
    """Fit the chosen head on all photos and views. C applies to photos, so the views of a photo share its weight."""
    scalings = {name: fit_scaling(table, name, positions) for name in choice.names}
    rows = DesignMatrix(table, positions, scalings, views=range(table.views))
    per_row = np.repeat(labels, table.views)
    with one_thread_each(1) as pool:
        fitting = pool.submit(
            fit_head,
            rows,
            per_row,
            num_classes,
            choice.C / table.views,
            balance=choice.balance,
            start=choice.start,
            device=device,
        )
        return scalings, fitting.result()


def _mean_head(heads: Sequence[LinearHead]) -> LinearHead:
    weight, bias = (np.mean([getattr(head, name) for head in heads], axis=0) for name in ("weight", "bias"))
    return LinearHead(weight.astype(np.float32), bias.astype(np.float32))


def _margin(smaller: HeadChoice, larger: HeadChoice, labels: Ints, metric: Metric) -> float:
    """Return half a standard error of the difference of two accuracies; 0 if `larger` has no more descriptors."""
    if len(larger.names) <= len(smaller.names):
        return 0.0
    return 0.5 * _error(smaller, larger, labels, metric)


def _error(first: HeadChoice, second: HeadChoice, labels: Ints, metric: Metric) -> float:
    """Return the standard error of the difference of two accuracies."""
    correct = [predicted(one.logits, labels, metric) == labels for one in (first, second)]
    return accuracy_error(correct[0] != correct[1], labels, metric)


def thin_out(labels: Ints, limit: int, seed: int) -> Ints:
    """Return at most `limit` photos, with equal numbers of each class as far as possible."""
    if len(labels) <= limit:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = np.empty(len(labels), dtype=np.int64)  # number of photos of the same class before it
    seen: dict[int, int] = {}
    for index in order:
        rank[index] = seen.get(int(labels[index]), 0)
        seen[int(labels[index])] = int(rank[index]) + 1
    return np.sort(np.lexsort((order, rank))[:limit])
