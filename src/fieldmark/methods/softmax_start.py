"""Softmax regression as the start of a linear classifier, for methods that know better than the loop what it reads."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["fit_softmax_start"]

STRENGTH = 15.0
"""C of the regression, for rows of mean squared norm 1."""

_UNSEEN = -10.0
"""Bias of a class that no row is of."""


def fit_softmax_start(rows: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Weight (K, D) and bias (K,) of scikit-learn's regression on rows (n, D) with labels (n,)."""
    from sklearn.linear_model import LogisticRegression

    weight, bias = rows.new_zeros(num_classes, rows.shape[1]), rows.new_full((num_classes,), _UNSEEN)
    classes, codes = np.unique(labels.cpu().numpy(), return_inverse=True)
    if len(classes) < 2:
        return weight, torch.zeros_like(bias)
    found = LogisticRegression(C=STRENGTH, max_iter=100).fit(rows.cpu().numpy(), codes)
    matrix, shift = found.coef_, found.intercept_
    if len(classes) == 2:  # one row for the second class against the first
        matrix, shift = np.concatenate([-matrix, matrix]) / 2, np.concatenate([-shift, shift]) / 2
    chosen = torch.from_numpy(classes).to(rows.device)
    weight[chosen] = torch.from_numpy(matrix).to(weight)
    bias[chosen] = torch.from_numpy(shift).to(bias)
    return weight, bias
