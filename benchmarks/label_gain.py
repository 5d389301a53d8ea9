"""How fast labelling pays: accuracy against the number of labels, in the order of `label` and in random order.

    python benchmarks/label_gain.py DATA [--start 2] [--labels 600] [--seeds 5]

A model knows a few train photos of each class. The other train photos are the pool without labels. A person who is
always right labels them in steps of 20, the number after which `fieldmark label` fits its head again. Orders:

- label: BADGE with the head of `fieldmark label`, on embeddings projected as the model's gallery projects them;
- margin: the smallest differences of the two largest probabilities of the same head, in place of BADGE;
- random.

The result of each step is a linear head on frozen EfficientNet-Lite0 features of all labelled photos. Test photos only
measure it. The ratios are labels of an order to those of `label` for the same accuracy, by linear interpolation of the
mean curves.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from review_gain import needed

from fieldmark.artifact.gallery import GalleryRow
from fieldmark.backbones.bundled_embeddings import embed
from fieldmark.data.prepare import survey
from fieldmark.data.read import read
from fieldmark.evaluation.learning_curve import fit_and_predict
from fieldmark.openset.projection import Projection
from fieldmark.review.label_head import KnownVectors, fit_label_head
from fieldmark.review.useful_photos import choose_photos

ORDERS = ("label", "margin", "random")
STEP = 20
MEASURED = 3  # every so many steps


def labelled_in_order(
    features: np.ndarray, names: list[str], known: np.ndarray, order: str, count: int, seed: int
) -> np.ndarray:
    """Return the photos (count,) of the pool in the order in which they are labelled.

    Args:
        features: (n, D) of the train photos.
        names: Their classes; only those of labelled photos are used.
        known: Photos that the model knows at the start.
        order: In `ORDERS`.
        count: Number of labels.
        seed: Of the draws.
    """
    pool = np.setdiff1d(np.arange(len(names)), known)
    if order == "random":
        return np.random.default_rng(seed).permutation(pool)[:count]
    projection = Projection.fit(features[known])
    vectors = projection(features)
    start = KnownVectors([GalleryRow("", names[row], "train") for row in known], vectors[known])
    chosen = np.zeros(0, dtype=np.int64)
    head = None
    while len(chosen) < count:
        head = fit_label_head(start, vectors[chosen], [names[row] for row in chosen], head)
        left = np.setdiff1d(pool, chosen)
        probabilities = head.probabilities(vectors[left])
        if order == "margin":
            ordered = np.sort(probabilities, axis=1)
            picked = np.argsort(ordered[:, -1] - ordered[:, -2], kind="stable")[:STEP]
        else:
            picked = choose_photos(probabilities, vectors[left], STEP, seed=seed + len(chosen))
        chosen = np.concatenate([chosen, left[picked]])
    return chosen[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--start", type=int, default=2)
    parser.add_argument("--labels", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    records = survey(read(arguments.data)).records
    features = embed(records.paths)
    labels = np.array(records.labels)
    test = np.array([record.split == "test" for record in records])
    rows, own = features[~test], labels[~test]
    names = [records.classes[label] for label in own]
    steps = np.arange(0, arguments.labels + 1, STEP * MEASURED)
    tables = {name: np.zeros((arguments.seeds, len(steps))) for name in ORDERS}
    for seed in range(arguments.seeds):
        generator = np.random.default_rng(seed)
        known = np.concatenate(
            [generator.permutation(np.flatnonzero(own == label))[: arguments.start] for label in np.unique(own)]
        )
        for name in ORDERS:
            order = labelled_in_order(rows, names, known, name, arguments.labels, seed)
            for column, step in enumerate(steps):
                have = np.concatenate([known, order[:step]])
                answers = fit_and_predict(rows[have], own[have], features[test])
                tables[name][seed, column] = float((answers == labels[test]).mean())
        print(f"  seed {seed}: " + ", ".join(f"{name} {tables[name][seed, -1]:.4f}" for name in ORDERS), flush=True)
    means = {name: table.mean(0) for name, table in tables.items()}
    print(
        f"{arguments.data.name}: {len(known)} known photos, a pool of {len(own) - len(known)}, "
        f"{test.sum()} test photos, {arguments.seeds} seeds"
    )
    print("| labels | " + " | ".join(ORDERS) + " | label - random, with standard error |")
    print("| ---: |" + " ---: |" * (len(ORDERS) + 1))
    for column, step in enumerate(steps):
        gap = tables["label"][:, column] - tables["random"][:, column]
        error = gap.std(ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else 0.0
        cells = [f"{means[name][column]:.4f}" for name in ORDERS]
        print(f"| {step} | " + " | ".join(cells) + f" | {gap.mean():+.4f} ± {error:.4f} |")
    for name in ("random", "margin"):
        for part in (0.5, 0.75, 1.0):
            step = steps[round(part * (len(steps) - 1))]
            target = float(np.interp(step, steps, means[name]))
            ours = needed(steps, means["label"], target)
            ratio = f"{ours:.0f} (label) = {step / ours:.2f}" if np.isfinite(ours) else "not reached (label)"
            print(f"{target:.4f} correct: {step} labels ({name}) / {ratio}")


if __name__ == "__main__":
    main()
