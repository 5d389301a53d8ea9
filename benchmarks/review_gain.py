"""How fast a review pays: accuracy against the number of decisions, in the order of `review` and in random order.

    python benchmarks/review_gain.py DATA [--share 0.05] [--seeds 5]

A share of the train labels is replaced by other classes at random. A person who is always right then decides about one
photo after the other. Orders:

- review: the suspects as `fieldmark review` lists them, then the other photos by the chance that their label is wrong;
- suspects at random: the same suspects in random order, then the others in random order;
- random: all train photos in random order.

After every step a linear head on frozen EfficientNet-Lite0 features is fitted on the labels so far. Test photos only
measure it. The ratios are decisions of an order to those of `review` for the same result, by linear interpolation of
the mean curves.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fieldmark.backbones.bundled_embeddings import embed
from fieldmark.check.label_errors import check_labels, suspects_of
from fieldmark.data.prepare import survey
from fieldmark.data.read import read
from fieldmark.data.splits import join_groups
from fieldmark.evaluation.learning_curve import fit_and_predict
from fieldmark.review.expected_gain import wrong_label_chances

ORDERS = ("review", "suspects at random", "random")


def changed_labels(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return labels of which a share is another class, drawn at random."""
    generator = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    given = labels.copy()
    wrong = generator.permutation(len(labels))[: round(share * len(labels))]
    given[wrong] = (given[wrong] + generator.integers(1, classes, len(wrong))) % classes
    return given


def orders(features: np.ndarray, given: np.ndarray, groups: np.ndarray, seed: int) -> tuple[dict[str, np.ndarray], int]:
    """Return the photos in each order, and the number of suspects."""
    generator = np.random.default_rng(seed)
    found = check_labels(features, given.tolist(), groups.tolist(), seed=seed)
    assert found is not None
    chances = np.zeros(len(given))
    chances[found.rows] = wrong_label_chances(found)
    suspects = np.array([suspect.index for suspect in suspects_of(found)], dtype=np.int64)
    others = np.setdiff1d(np.arange(len(given)), suspects)
    ours = np.concatenate([one[np.argsort(-chances[one], kind="stable")] for one in (suspects, others)])
    mixed = np.concatenate([generator.permutation(suspects), generator.permutation(others)])
    return {"review": ours, "suspects at random": mixed, "random": generator.permutation(len(given))}, len(suspects)


def needed(steps: np.ndarray, curve: np.ndarray, target: float) -> float:
    """Return where a curve first reaches a target, by linear interpolation; infinite if it does not."""
    above = np.flatnonzero(curve >= target)
    if not len(above):
        return float("inf")
    last = int(above[0])
    if last == 0:
        return 0.0
    low, high = curve[last - 1], curve[last]
    return float(steps[last - 1] + (target - low) / (high - low) * (steps[last] - steps[last - 1]))


def ratio(other: float, own: float) -> str:
    return f"{other:.0f} / {own:.0f} = {other / max(own, 1e-9):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    seen = survey(read(arguments.data))
    records = seen.records
    features = embed(records.paths)
    groups = np.array(join_groups(records, seen.groups()))
    labels = np.array(records.labels)
    test = np.array([record.split == "test" for record in records])
    train_rows, train_labels, train_groups = features[~test], labels[~test], groups[~test]
    count = len(train_labels)
    steps = np.unique(
        np.round(count * np.array([0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0]))
    )
    steps = steps.astype(int)

    def accuracy(given: np.ndarray) -> float:
        return float((fit_and_predict(train_rows, given, features[test]) == labels[test]).mean())

    right = accuracy(train_labels)
    tables = {name: np.zeros((arguments.seeds, len(steps), 2)) for name in ORDERS}
    suspect_counts = []
    for seed in range(arguments.seeds):
        given = changed_labels(train_labels, arguments.share, seed)
        wrong = given != train_labels
        start = accuracy(given)
        found, suspects = orders(train_rows, given, train_groups, seed)
        suspect_counts.append(suspects)
        for name, order in found.items():
            for row, step in enumerate(steps):
                now = given.copy()
                now[order[:step]] = train_labels[order[:step]]
                value = start if step == 0 else right if (now == train_labels).all() else accuracy(now)
                tables[name][seed, row] = value, wrong[order[:step]].sum()
    total = round(arguments.share * count)
    print(
        f"{arguments.data.name}: {count} train photos, {total} wrong labels, {np.mean(suspect_counts):.0f} suspects; "
        f"{test.sum()} test photos; {right:.4f} correct with the true labels; {arguments.seeds} seeds"
    )
    print("| decisions | " + " | ".join(f"{name}: accuracy, wrong labels corrected" for name in ORDERS) + " |")
    print("| ---: |" + " ---: |" * len(ORDERS))
    means = {name: table.mean(0) for name, table in tables.items()}
    for row, step in enumerate(steps):
        cells = [f"{means[name][row, 0]:.4f}, {means[name][row, 1]:.1f}" for name in ORDERS]
        print(f"| {step} | " + " | ".join(cells) + " |")
    start = float(means["review"][0, 0])
    for name in ORDERS[1:]:
        for share in (0.5, 0.8):
            corrected = [needed(steps, means[one][:, 1], share * total) for one in (name, "review")]
            reached = [needed(steps, means[one][:, 0], start + share * (right - start)) for one in (name, "review")]
            print(f"{share:.0%} of the wrong labels, {name} / review: {ratio(*corrected)} decisions")
            print(f"{share:.0%} of the lost accuracy, {name} / review: {ratio(*reached)} decisions")


if __name__ == "__main__":
    main()
