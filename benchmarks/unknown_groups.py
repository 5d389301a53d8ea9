"""How pure the groups of unknown photos are, against other clusterings of the same vectors.

python benchmarks/unknown_groups.py CUB_200_2011_first50 [--draws 5] [--left-out 10]

Each draw leaves classes out; projection, covariances and threshold are fitted on the others, as in a fit. Draw 0 leaves
out the last classes of the data set, the others random ones. Two pools are grouped: all test photos of the classes that
were left out, and the test photos of all classes that the model calls unknown, some of which are known ones.

Each line gives purity (share of photos whose class is the most frequent one of their group), B-cubed precision, recall
and F1, the number of groups with at least two photos, and the share of photos that are like no other. The rows:

  groups            `fieldmark predict --group-unknown`: distance from the known photos
  best distance     the same tree, cut where F1 is highest: a bound that needs the answers
  without whitening the same, on cosines of the vectors themselves
  k-means, true k   scikit-learn's k-means, told the number of classes
  HDBSCAN           scikit-learn's, clusters of at least 3; noise counts as photos like no other
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from left_out_classes import Fitted, Ints, Photos, fitted, photos_of
from sklearn.cluster import HDBSCAN, KMeans

from fieldmark.arrays import Float32s
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.likeness import ALONE, bcubed, calibrate_distance, cut_tree, group_alike, likeness_tree
from fieldmark.openset.open_set_state import OpenSetState, ValPredictions
from fieldmark.openset.unknown_scores import DEFAULT_SCORE, fit_threshold, known_scores

STEPS = np.linspace(0.05, 1.3, 126)


def state_of(photos: Photos, known: Fitted) -> OpenSetState:
    """The open-set state that a fit on the known classes saves."""
    val = photos.free & np.isin(photos.labels, known.classes)
    labels = np.searchsorted(known.classes, photos.labels[val])
    vectors = known.projection(photos.embeddings[val])
    held = ValPredictions(vectors, labels, labels, np.ones(len(labels)))
    return OpenSetState(known.projection, known.gaussians, known.vectors, held)


def separate(groups: Ints) -> Ints:
    """Give each photo that is like no other a group of its own."""
    alone = np.flatnonzero(groups == ALONE)
    whole = groups.copy()
    whole[alone] = groups.max(initial=0) + 1 + np.arange(len(alone))
    return whole


def figures(labels: Ints, groups: Ints) -> list[float]:
    whole = separate(groups)
    found, sizes = np.unique(whole, return_counts=True)
    pure = sum(np.unique(labels[whole == one], return_counts=True)[1].max() for one in found)
    return [
        pure / len(labels),
        *bcubed(labels, whole),
        float((sizes > 1).sum()),
        float(sizes[sizes == 1].sum() / len(labels)),
    ]


def plain(gaussians: ClassGaussians) -> ClassGaussians:
    """Covariances that leave vectors as they are."""
    return ClassGaussians(
        gaussians.means,
        np.eye(len(gaussians.within), dtype=np.float32),
        gaussians.total,
        np.zeros_like(gaussians.center),
    )


def rows(labels: Ints, vectors: Float32s, state: OpenSetState) -> dict[str, list[float]]:
    tree = likeness_tree(vectors, state.gaussians)
    best = max(STEPS, key=lambda distance: bcubed(labels, cut_tree(tree, distance))[2])
    unwhitened = OpenSetState(state.projection, plain(state.gaussians), state.reference_vectors, state.val)
    means = KMeans(len(np.unique(labels)), n_init=10, random_state=0).fit_predict(vectors)
    dense = HDBSCAN(min_cluster_size=3, copy=True).fit_predict(vectors.astype(np.float64))
    return {
        "groups": figures(labels, group_alike(vectors, state)),
        "best distance": figures(labels, cut_tree(tree, best)),
        "without whitening": figures(labels, group_alike(vectors, unwhitened)),
        "k-means, true k": figures(labels, means),
        "HDBSCAN": figures(labels, np.where(dense < 0, ALONE, dense)),
    }


def called_unknown(photos: Photos, known: Fitted) -> np.ndarray:
    """Which test photos the model calls unknown."""
    val = photos.free & np.isin(photos.labels, known.classes)
    facts = fit_threshold(known.evidence(photos.embeddings[val]), {}, DEFAULT_SCORE)
    assert facts is not None
    test = np.flatnonzero(photos.test)
    scores = known_scores(DEFAULT_SCORE, known.evidence(photos.embeddings[test]), facts.scales)
    return test[scores < facts.threshold]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--left-out", type=int, default=10)
    arguments = parser.parse_args()
    photos = photos_of(arguments.data)
    classes = np.unique(photos.labels)
    found: dict[str, dict[str, list[list[float]]]] = {}
    for draw in range(arguments.draws):
        order = classes[::-1] if draw == 0 else np.random.default_rng(draw).permutation(classes)
        out, inside = order[: arguments.left_out], np.sort(order[arguments.left_out :])
        known = fitted(photos, inside)
        state = state_of(photos, known)
        pools = {
            "photos of unseen classes": np.flatnonzero(photos.test & np.isin(photos.labels, out)),
            "photos that the model calls unknown": called_unknown(photos, known),
        }
        for pool, chosen in pools.items():
            made = rows(photos.labels[chosen], known.projection(photos.embeddings[chosen]), state)
            for name, values in made.items():
                found.setdefault(pool, {}).setdefault(name, []).append(values)
            values = made["groups"]
            print(
                f"draw {draw}, {len(chosen)} {pool}: distance {calibrate_distance(state):.2f}, purity {values[0]:.3f}, "
                f"F1 {values[3]:.3f} ({values[3] / made['best distance'][3]:.3f} of the bound)",
                flush=True,
            )
    for pool, by_name in found.items():
        print(f"{pool}: purity, precision, recall, F1, groups, share alone; mean of {arguments.draws} draws")
        for name, several in by_name.items():
            print(f"  {name:18}", *(f"{value:.3f}" for value in np.mean(several, axis=0)))


if __name__ == "__main__":
    main()
