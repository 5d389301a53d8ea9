"""What limits the accuracy of a model that was just fitted, and what to try next."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Ints, softmax
from fieldmark.data.photo_table import PhotoTable
from fieldmark.evaluation.data_limits import find_limits
from fieldmark.training.member import Trained

__all__ = ["fit_advice"]


def fit_advice(trained: Trained, photos: PhotoTable) -> list[str]:
    """Return sentences: the limits of the data, then the next step of the training and its cost.

    Predictions are those of the training's own cross-validation, or of the val photos where it has none.

    Args:
        trained: The members.
        photos: All photos of the fit; those of the test split are not used.
    """
    train = photos.of_split("train")
    truth, predicted = _unseen(trained, photos.of_split("val").labels)
    limits = find_limits(train.labels, np.array(train.groups), photos.classes, truth, predicted)
    lines = [f"{limit.message}: {limit.action}" for limit in limits]
    return [*lines, trained.next_step] if trained.next_step else lines


def _unseen(trained: Trained, val_labels: Ints) -> tuple[Ints, Ints]:
    """Return labels and predictions of photos that the predicting head did not see."""
    first = trained.members[0]
    if first.fold_labels is not None:
        folds = [member.fold_logits for member in trained.members]
        same = [logits for logits in folds if logits is not None and len(logits) == len(first.fold_labels)]
        if same:
            return first.fold_labels, np.mean([softmax(logits) for logits in same], axis=0).argmax(1)
    mixed = np.sum([softmax(member.val_logits) * member.spec.weight for member in trained.members], axis=0)
    return val_labels, mixed.argmax(1)
