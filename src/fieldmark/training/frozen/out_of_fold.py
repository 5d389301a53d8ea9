"""Out-of-fold logits: what heads that did not learn from a photo say about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldmark.arrays import Bools, Float32s, Ints
from fieldmark.cores import available_cpus
from fieldmark.layers.class_balance import fit_head
from fieldmark.progress import track
from fieldmark.training.frozen.choose_head import HeadChoice
from fieldmark.training.frozen.design_matrix import Descriptors, DesignMatrix, fit_scaling
from fieldmark.training.frozen.single_thread import one_thread_each

__all__ = ["out_of_fold_logits"]


def out_of_fold_logits(
    table: Descriptors,
    positions: Ints,
    labels: Ints,
    choice: HeadChoice,
    num_classes: int,
    *,
    views: Sequence[int] = (0,),
    device: str = "cpu",
) -> tuple[Float32s, Bools]:
    """Return logits of each photo by the chosen head, fitted as the final one is, on the photos of the other folds.

    Each head starts from the one that the cross-validation fitted on the same folds, which has not seen the photo
    either. C was chosen by the accuracy on the same folds; that is the only thing they share.

    Source: Vovk, "Cross-conformal predictors" (Annals of Mathematics and Artificial Intelligence, 2015), for their use
    in prediction sets.

    Args:
        table: Descriptors of all views that the final head learns from.
        positions: Records of the table, the same as for `choose_head`, (n,).
        labels: Their classes, (n,).
        choice: Descriptors, C and folds.
        num_classes: K.
        views: Views of the table whose logits are averaged, as in answers.
        device: Where heads are fitted.

    Returns:
        Logits (n, K), and whether the other folds have photos of the photo's class, (n,).
    """
    logits = np.zeros((len(positions), num_classes), dtype=np.float32)
    known = np.zeros(len(positions), dtype=np.bool_)

    def fill(fold: int) -> None:
        inside = np.flatnonzero(choice.fold_of != fold)
        outside = np.flatnonzero(choice.fold_of == fold)
        if not len(inside):  # all photos are one group: no head can be measured on photos of another
            return
        scalings = {name: fit_scaling(table, name, positions[inside]) for name in choice.names}
        rows = DesignMatrix(table, positions[inside], scalings, range(table.views))
        per_row = np.repeat(labels[inside], table.views)
        start = choice.heads[fold]
        C, balance = choice.C / table.views, choice.balance
        head = fit_head(rows, per_row, num_classes, C, balance=balance, start=start, device=device)
        each = [head(DesignMatrix(table, positions[outside], scalings, [view]).read()) for view in views]
        logits[outside] = np.mean(each, axis=0, dtype=np.float32)
        known[outside] = np.isin(labels[outside], labels[inside])

    with one_thread_each(available_cpus()) as pool:
        folds = range(len(choice.heads))
        list(track(pool.map(fill, folds), "calibrating by cross-validation", len(folds)))
    return logits, known
