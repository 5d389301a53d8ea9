"""What a prior and a list of allowed classes give on photos whose classes occur in other shares than in training.

    python benchmarks/priors.py MODEL DATA [--draws 20] [--photos 300] [--concentration 0.3]

The test photos of DATA are scored once. Each draw then takes shares of the classes from a Dirichlet distribution, and
photos by these shares with replacement. Compared on the same photos: the model as it is, with shares estimated from the
photos at hand, and with the true shares. For the list, each draw allows half of the classes and takes photos of these
alone. Nothing is chosen on test photos.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from fieldmark import Recognizer
from fieldmark.arrays import Floats, Ints
from fieldmark.data.read import read
from fieldmark.uncertainty.guarantees import Guarantees
from fieldmark.uncertainty.prior import Prior, estimate_shares

Row = tuple[float, float, float]


def figures(guarantees: Guarantees, probabilities: Floats, labels: Ints) -> Row:
    """Top-1 accuracy, coverage and mean size of the sets."""
    sets = guarantees.sets(probabilities, guarantees.coverage)
    assert sets is not None, "the model has too few calibration photos"
    rows = np.arange(len(labels))
    top = probabilities.argmax(1) == labels
    return float(top.mean()), float(sets[rows, labels].mean()), float(sets.sum(1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--concentration", type=float, default=0.3)
    options = parser.parse_args()
    recognizer = Recognizer(options.model)
    data = read(options.data)
    records = [record for record in data if record.split == "test"]
    labels = np.array([recognizer.class_to_idx[data.classes[record.label]] for record in records])
    plain = recognizer.scores([record.path for record in records]).probabilities
    found, wrong_shares = defaultdict[str, list[Row]](list), []
    for seed in range(options.draws):
        random = np.random.default_rng(seed)
        shares = random.dirichlet(np.full(len(recognizer.classes), options.concentration))
        chosen = photos_by(shares, labels, options.photos, random)
        estimated = estimate_shares(plain[chosen], recognizer.training_shares)
        wrong_shares.append(0.5 * float(np.abs(estimated - shares).sum()))
        for name, wanted in (("as it is", None), ("estimated", estimated), ("true shares", shares)):
            found[name].append(under(recognizer, wanted, plain[chosen], labels[chosen]))
        allowed = random.permutation(len(recognizer.classes)) < len(recognizer.classes) // 2
        inside = np.flatnonzero(allowed[labels])
        for name, weights in (("half, as it is", None), ("half, --only", recognizer.training_shares * allowed)):
            found[name].append(under(recognizer, weights, plain[inside], labels[inside]))
    print("| shares | top-1 | coverage | classes a set |\n| --- | --- | --- | --- |")
    for name, each in found.items():
        means, spread = np.mean(each, axis=0), np.std(each, axis=0, ddof=1)
        print(f"| {name} | " + " | ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(means, spread, strict=True)) + " |")
    print(f"estimated shares lie {np.mean(wrong_shares):.3f} from the true ones (total variation)")


def photos_by(shares: Floats, labels: Ints, count: int, random: np.random.Generator) -> Ints:
    """Return rows of photos, drawn by the shares of their classes."""
    each = shares[labels] / np.bincount(labels, minlength=len(shares))[labels]
    return random.choice(len(labels), count, p=each / each.sum())


def under(recognizer: Recognizer, shares: Floats | None, probabilities: Floats, labels: Ints) -> Row:
    """Return the figures under shares of the classes."""
    if shares is None:
        return figures(recognizer.guarantees, probabilities, labels)
    prior = Prior.from_shares(shares, recognizer.training_shares)
    return figures(recognizer.guarantees.under(prior), prior(probabilities), labels)


if __name__ == "__main__":
    main()
