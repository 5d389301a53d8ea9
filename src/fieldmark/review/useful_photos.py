"""Which unlabelled photos are the most useful to label next: uncertain ones that differ from each other (BADGE)."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Float64s, Floats, Ints

__all__ = ["choose_photos"]


def choose_photos(probabilities: Floats, vectors: Floats, count: int, *, seed: int = 0) -> Ints:
    """Return the rows of at most `count` photos to label, in the order of their choice.

    BADGE (Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR 2020, algorithm
    1): the gradient of the last layer's loss, with the predicted class as the label, is (p - onehot(argmax p)) times
    the vector. It is long for uncertain photos and points elsewhere for different ones. Seeding by k-means++ (Arthur
    and Vassilvitskii 2007) draws each photo in proportion to its squared distance to those that were chosen before; the
    first one has the longest gradient. Distances are computed from the two factors, without the (n, K * d) matrix.

    Args:
        probabilities: (n, K) of the current head.
        vectors: (n, d) that the head reads.
        count: Number of photos.
        seed: Of the draws.
    """
    if not len(probabilities) or count < 1:
        return np.zeros(0, dtype=np.int64)
    residuals = np.asarray(probabilities, dtype=np.float64).copy()
    residuals[np.arange(len(residuals)), residuals.argmax(1)] -= 1.0
    rows = np.asarray(vectors, dtype=np.float64)
    lengths: Float64s = np.square(residuals).sum(1) * np.square(rows).sum(1)
    generator = np.random.default_rng(seed)
    chosen = [int(lengths.argmax())]
    nearest = np.full(len(rows), np.inf)
    while len(chosen) < min(count, len(rows)):
        last = chosen[-1]
        products = (residuals @ residuals[last]) * (rows @ rows[last])
        nearest = np.minimum(nearest, np.maximum(lengths + lengths[last] - 2.0 * products, 0.0))
        nearest[chosen] = 0.0
        total = nearest.sum()
        if total <= 0:  # what is left repeats chosen photos, or is certain
            rest = np.setdiff1d(np.arange(len(rows)), chosen)
            chosen += [int(one) for one in rest[np.argsort(-lengths[rest], kind="stable")]]
            break
        chosen.append(int(generator.choice(len(rows), p=nearest / total)))
    return np.array(chosen[:count], dtype=np.int64)
