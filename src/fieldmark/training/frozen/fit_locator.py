"""Learn from image labels alone which places of a photo tell the classes apart: a locator for zoomed views.

Each place of the narrow map has a score, linear in its features. A softmax over the places of a photo turns the scores
into weights; a linear classifier reads the weighted mean of the features. Both are learned together, so that the scores
become large where the label shows, and small on backgrounds that photos of all classes share. Photos with an annotated
box teach more directly: the logistic regression of whether a place lies in the box has the same weights.

Source: Ilse, Tomczak, Welling, "Attention-based deep multiple instance learning" (ICML 2018), equations 7 and 8, with
linear scores in place of the hidden layer, so that the locator is one weight for each channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from fieldmark.arrays import Bools, Float32s, Ints

__all__ = ["Whitening", "fit_locator", "fit_whitening"]

COMPONENTS = 128
"""Principal components of the features. With more, the attention fits single photos."""

STEPS = 150
LEARNING_RATE = 0.05

CLASSIFIER_DECAY = 1e-3
LOCATOR_DECAY = 3e-3
"""Factors on the squared weights. Chosen by cross-validation on birds in scenes; see docs/research/zoom.md."""

BOX_WEIGHT = 1.0
"""Weight of the annotated boxes beside the labels; see docs/research/zoom.md."""

_FLOOR = 0.01
"""Variance, of the largest, that is added to that of each component, so that noise is not blown up."""


@dataclass(frozen=True, slots=True)
class Whitening:
    """Centre and principal components of local features, each scaled to about unit variance.

    Attributes:
        mean: (C,).
        components: (C, d).
    """

    mean: Float32s
    components: Float32s

    def __call__(self, features: Float32s) -> Float32s:
        """(..., C) -> (..., d)."""
        return np.asarray((features - self.mean) @ self.components, dtype=np.float32)


def fit_whitening(chunks: Iterator[Float32s]) -> Whitening:
    """Return the whitening of local features that come in chunks (n, C)."""
    count, total, products = 0, np.zeros(1), np.zeros(1)
    for chunk in chunks:
        rows = chunk.astype(np.float64)
        count, total, products = count + len(rows), total + rows.sum(0), products + rows.T @ rows
    mean = total / count
    variances, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    variances, vectors = variances[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
    scale = np.sqrt(np.maximum(variances, 0) + _FLOOR * max(float(variances[0]), 1e-12))
    return Whitening(mean.astype(np.float32), (vectors / scale).astype(np.float32))


def fit_locator(features: Float32s, labels: Ints, num_classes: int, inside: Bools | None = None) -> Float32s:
    """Return the weight (d,) of each feature in the score of a place.

    It always gives the same weights: both parts start at zero, where all places of a photo weigh the same.

    Args:
        features: Whitened features of all places of all photos, (n, L, d).
        labels: Classes of the photos, (n,).
        num_classes: K.
        inside: Whether each place lies in the annotated box, (n, L); none of a photo without one. None without boxes.
    """
    places, target = torch.from_numpy(features), torch.from_numpy(labels)
    dim = features.shape[2]
    locator, offset = torch.zeros(dim, requires_grad=True), torch.zeros(1, requires_grad=True)
    in_box = None if inside is None or not inside.any() else torch.from_numpy(inside).float()
    counts_of = None if in_box is None else _box_weights(in_box)
    weight, bias = torch.zeros(num_classes, dim, requires_grad=True), torch.zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.Adam([locator, offset, weight, bias], lr=LEARNING_RATE)
    counts = torch.bincount(target, minlength=num_classes).clamp_min(1)
    balance = len(labels) / (counts.float() * int((counts > 0).sum()))
    for _ in range(STEPS):
        scores = places @ locator
        shares = scores.softmax(1)
        pooled = torch.bmm(shares[:, None], places)[:, 0]
        loss = F.cross_entropy(pooled @ weight.T + bias, target, weight=balance)
        loss = loss + CLASSIFIER_DECAY * weight.square().sum() + LOCATOR_DECAY * locator.square().sum()
        if in_box is not None:
            of_boxes = F.binary_cross_entropy_with_logits(scores + offset, in_box, counts_of, reduction="sum")
            loss = loss + BOX_WEIGHT * of_boxes
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return np.asarray(locator.detach().numpy())


def _box_weights(in_box: torch.Tensor) -> torch.Tensor:
    """Return how much each place counts, (n, L), 1 in all.

    Photos with a box count the same; in each of them, half is for the places in the box and half for those around it.
    """
    within, around = in_box.sum(1, keepdim=True), (1 - in_box).sum(1, keepdim=True)
    shares = 0.5 * (in_box / within.clamp_min(1) + (1 - in_box) / around.clamp_min(1))
    boxed = within > 0
    return shares * boxed / boxed.sum()
