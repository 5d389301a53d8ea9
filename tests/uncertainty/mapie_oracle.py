"""Precomputed probabilities as a scikit-learn estimator, for MAPIE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

__all__ = ["GivenProbabilities"]


class GivenProbabilities(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier whose input is the probabilities (n, K) themselves."""

    def __init__(self, num_classes: int = 2) -> None:
        self.num_classes = num_classes
        self.classes_ = np.arange(num_classes)

    def fit(self, X: NDArray[np.floating], y: NDArray[np.int64]) -> GivenProbabilities:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(X)

    def predict(self, X: NDArray[np.floating]) -> NDArray[np.int64]:
        return np.asarray(np.asarray(X).argmax(1), dtype=np.int64)
