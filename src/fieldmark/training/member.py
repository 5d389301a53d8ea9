"""What training gives: methods that answer together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float32s
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.base import Method

__all__ = ["Member", "Trained"]


@dataclass(slots=True)
class Member:
    """One trained method with what it needs to answer, and what it said of the val photos.

    Attributes:
        method: In evaluation mode.
        method_name: Its name in the table of methods.
        options: What builds it again besides the number of classes: backbone, poolings, …
        preprocess: How photos become its input.
        views: How many looks at the photo its logits are averaged over; see `fieldmark.data.photos.views`.
        val_logits: (n_val, K), averaged over the views.
        weight: Share of its probabilities in the common answer.
        fold_logits: (n, K) of train photos, by heads that did not see them; None where there are none.
        fold_labels: (n,) of these.
        temperature: Divides its logits, where it was fitted already; None where val shall give it.
        embed: Positions among train and then val photos to embeddings (n, D), the mean over the views, where a cache
            holds them; None where the graph must read the photos.
    """

    method: Method
    method_name: str
    options: Mapping[str, Any]
    preprocess: Preprocess
    views: int
    val_logits: Float32s
    weight: float = 1.0
    fold_logits: Float32s | None = None
    fold_labels: NDArray[np.int64] | None = None
    temperature: float | None = None
    embed: Callable[[NDArray[np.int64]], Float32s] | None = None


@dataclass(slots=True)
class Trained:
    """Members that answer together, and the account of how they came about.

    Attributes:
        members: At least one.
        steps: One line for each step: what was tried, what it gained, what it cost.
        estimate: Out-of-fold or val top-1 that the choice was made by.
    """

    members: list[Member]
    steps: list[str] = field(default_factory=list)
    estimate: float | None = None
