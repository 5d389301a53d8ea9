"""Folds of a cross-validation. Without PyTorch, so that `advise` starts fast."""

from __future__ import annotations

import warnings

import numpy as np

from fieldmark.arrays import Ints

__all__ = ["fold_numbers"]


def fold_numbers(labels: Ints, groups: Ints, folds: int, seed: int) -> Ints:
    """Return a fold for each photo: stratified by class, groups kept together, fewer folds if all classes are tiny."""
    from sklearn.model_selection import StratifiedGroupKFold

    splits = min(folds, max(len(np.unique(groups[labels == label])) for label in np.unique(labels)))
    if splits < 2:  # one group for each class: its class is missing from the other folds anyway
        return np.unique(groups, return_inverse=True)[1].astype(np.int64) % 2
    result = np.zeros(len(labels), dtype=np.int64)
    splitter = StratifiedGroupKFold(splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a rare class may be missing from some folds
        for fold, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
            result[held_out] = fold
    return result
