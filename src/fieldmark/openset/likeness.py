"""Group photos of unknown classes by likeness.

Vectors are whitened with the covariance inside the trained classes, so that directions in which photos of one class
differ count little. Groups come from agglomerative clustering with average linkage of cosine distances. The distance at
which groups stop to join is the one at which the model's own val photos fall apart into their classes best.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from fieldmark.arrays import Float32s, Floats, Ints, unit_rows
from fieldmark.errors import SettingError
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.open_set_state import OpenSetState

__all__ = ["ALONE", "MAX_PHOTOS", "bcubed", "calibrate_distance", "cut_tree", "group_alike", "likeness_tree"]

ALONE = -1
"""Number of a photo that is like no other."""

MAX_PHOTOS = 8000
"""Photos that can be grouped at once: the distances of all pairs are held in memory, 8,000 need 0.5 GB."""

DEFAULT_DISTANCE = 0.6
"""Distance where no val class has two photos."""

_STEPS = np.linspace(0.1, 1.2, 111)


def group_alike(vectors: Float32s, state: OpenSetState) -> Ints:
    """Return a group number (n,) for each photo, from 0 for the largest group; `ALONE` for photos like no other.

    Args:
        vectors: (n, d) unit vectors of the photos, as the state's projection gives them.
        state: Of the model.

    Raises:
        SettingError: There are more than `MAX_PHOTOS`.
    """
    if len(vectors) > MAX_PHOTOS:
        raise SettingError(
            f"{len(vectors):,} unknown photos are too many to group at once, the limit is {MAX_PHOTOS:,}: give fewer"
        )
    if len(vectors) < 2:
        return np.full(len(vectors), ALONE)
    joined = cut_tree(likeness_tree(vectors, state.gaussians), calibrate_distance(state))
    sizes = Counter(joined.tolist())
    order = sorted((label for label, size in sizes.items() if size > 1), key=lambda label: (-sizes[label], label))
    number = {label: rank for rank, label in enumerate(order)}
    return np.array([number.get(label, ALONE) for label in joined.tolist()])


def calibrate_distance(state: OpenSetState) -> float:
    """Return the distance at which the val photos of the model fall apart into their classes best, by B-cubed F1."""
    labels = state.val.labels
    if not len(labels) or max(Counter(labels.tolist()).values()) < 2:
        return DEFAULT_DISTANCE
    tree = likeness_tree(state.val.vectors, state.gaussians)
    scores = [bcubed(labels, cut_tree(tree, distance))[2] for distance in _STEPS]
    best = np.flatnonzero(np.isclose(scores, max(scores)))
    return float(_STEPS[best[len(best) // 2]])  # the middle of a plateau


def bcubed(labels: Ints, groups: Ints) -> tuple[float, float, float]:
    """Return the B-cubed precision, recall and F1 of groups.

    For each photo: the share of its group that has its class, and the share of its class that is in its group.

    Source: Bagga, Baldwin, "Entity-based cross-document coreferencing using the vector space model" (ACL 1998).

    Args:
        labels: (n,) correct classes.
        groups: (n,) groups; every photo is in one.
    """
    classes, rows = np.unique(labels, return_inverse=True)
    found, columns = np.unique(groups, return_inverse=True)
    table = np.zeros((len(classes), len(found)))
    np.add.at(table, (rows, columns), 1)
    both = table[rows, columns]
    precision = float((both / table.sum(0)[columns]).mean())
    recall = float((both / table.sum(1)[rows]).mean())
    return precision, recall, 2 * precision * recall / (precision + recall)


def likeness_tree(vectors: Float32s, gaussians: ClassGaussians) -> Floats:
    """Return the tree of an average-linkage clustering of vectors (n, d), as SciPy has it."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    rows = unit_rows((vectors - gaussians.center) @ gaussians.within).astype(np.float64)
    return np.asarray(linkage(pdist(rows, "sqeuclidean") / 2, "average"))  # of unit vectors: cosine distances


def cut_tree(tree: Floats, distance: float) -> Ints:
    """Return the group (n,) of each photo where groups join up to a distance."""
    from scipy.cluster.hierarchy import fcluster

    return np.asarray(fcluster(tree, distance, "distance"))
