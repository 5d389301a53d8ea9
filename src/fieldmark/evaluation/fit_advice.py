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
    known = photos.for_training()
    learned = known if trained.learned_val else photos.of_split("train")
    truth, predicted = _unseen(trained, known)
    limits = find_limits(learned.labels, np.array(learned.groups), photos.classes, truth, predicted)
    lines = [f"{limit.message}: {limit.action}" for limit in limits]
    return [*lines, trained.next_step] if trained.next_step else lines


def _unseen(trained: Trained, known: PhotoTable) -> tuple[Ints, Ints]:
    """Return labels and predictions of photos that the predicting head did not see."""
    folds = [member.out_of_fold for member in trained.members]
    found = [one.logits for one in folds if one is not None]
    if found and len(found) == len(folds) and len({len(logits) for logits in found}) == 1:
        return known.labels[: len(found[0])], np.mean([softmax(logits) for logits in found], axis=0).argmax(1)
    mixed = np.sum([softmax(member.val_logits) * member.spec.weight for member in trained.members], axis=0)
    return known.of_split("val").labels, mixed.argmax(1)
