"""Mean class accuracy of a long tail, with and without ``metric=mean_class``.

    python benchmarks/long_tail.py DATA [--seeds 5] [--smallest 3] [--largest 30]

Only the train photos of DATA are thinned: their numbers fall geometrically from `--largest` to `--smallest` over the
classes, whose order a seed draws. The test photos stay as they are; they choose nothing. Embeddings of EfficientNet-
Lite0 are computed once; heads, calibration, guarantees and the threshold of unknown classes are those of a fit. Each
row is the mean over the seeds with its standard deviation; the last one is the paired difference. The peer is the
default fit on the same photos. ECE, coverage and set sizes are means in which each class counts the same. "rare
unknown" is the share of test photos that are taken for an unknown class among the third of the classes with the
fewest train photos; "frequent unknown" that among the third with the most.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.arrays import Float32s, Floats, Ints, softmax
from fieldmark.backbones.bundled_embeddings import embed
from fieldmark.calibration.calibrate import calibrate
from fieldmark.calibration.temperature import expected_calibration_error
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.layers.class_balance import Metric
from fieldmark.member_spec import MemberSpec
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.openset.fit_openset import fit_openset
from fieldmark.openset.unknown_scores import OpenSetFeatures, known_scores
from fieldmark.structures import RecordList
from fieldmark.training.member import Trained, TrainedMember
from fieldmark.training.question_heads import train_heads
from fieldmark.uncertainty.certify import certify
from fieldmark.uncertainty.conformity_scores import LAC
from fieldmark.uncertainty.guarantees import Guarantees

COLUMNS = (
    "top-1",
    "mean class accuracy",
    "rarest third",
    "most frequent third",
    "ECE",
    "coverage",
    "classes a set",
    "rare unknown",
    "frequent unknown",
)


def sizes(num_classes: int, largest: int, smallest: int, random: np.random.Generator) -> Ints:
    """Return how many train photos each class keeps, (K,)."""
    falling = np.geomspace(largest, smallest, num_classes).round().astype(np.int64)
    return np.asarray(random.permutation(falling))


def thinned(records: RecordList, kept: Ints, random: np.random.Generator) -> RecordList:
    """Return the records with at most so many photos of each class."""
    used = np.zeros(len(kept), np.int64)
    chosen = set()
    for row in random.permutation(len(records)):
        label = records[int(row)].label
        if used[label] < kept[label]:
            used[label] += 1
            chosen.add(int(row))
    return records.like(record for row, record in enumerate(records) if row in chosen)


@dataclass(frozen=True)
class TestPhotos:
    """Embeddings (n, D) and labels (n,) of the test photos."""

    rows: Float32s
    labels: Ints


def figures(
    records: RecordList, vectors: dict[Path, Float32s], test: TestPhotos, kept: Ints, metric: Metric, seed: int
) -> list[float]:
    """Fit on the train records, and measure on the test photos."""
    settings = LinearProbe.Settings(seed=seed, metric=metric, test_views=1)
    known = prepare(records, seed, val_fraction=0.1, test_fraction=0.0).photos.for_training()
    rows = np.stack([vectors[record.path] for record in known.records])
    spec = MemberSpec(
        method="linear_probe", options={}, preprocess=Preprocess(224), views=1, weight=1.0, temperature=1.0
    )
    graph: Any = None  # the embeddings are at hand
    member = TrainedMember(
        spec,
        graph,
        np.zeros((0, len(known.classes)), np.float32),
        learned_val=True,
        embed=lambda positions: rows[positions],
        embed_view=lambda positions, view: rows[positions],
    )
    fitted = train_heads(Trained([member], metric=metric), known, np.arange(len(known)), settings)
    calibration = calibrate(fitted.trained, known)
    certificate = certify(calibration, known, settings)
    open_set = fit_openset(fitted.trained, calibration, known, seed=seed)
    logits = fitted.heads[0](test.rows) / calibration.members[0].temperature
    fused = softmax(logits)
    probabilities = fused if calibration.scaling is None else calibration.scaling(np.log(np.maximum(fused, 1e-30)))
    facts, tables = certificate.facts, certificate.tables
    weights = tables.class_weights if len(tables.class_weights) else None
    hierarchy: Any = None  # only back-off reads it
    sets = Guarantees(hierarchy, tables, facts.coverage, score=LAC, class_weights=weights).sets(probabilities, 0.9)
    assert sets is not None, "too few calibration photos"
    return measured(probabilities, sets, unknown(open_set, probabilities, logits, test.rows), test.labels, kept)


def unknown(open_set: Any, probabilities: Floats, logits: Floats, rows: Float32s) -> Floats:
    """Return whether each photo is taken for one of an unknown class, (n,)."""
    state, threshold = open_set.state, open_set.threshold
    features = OpenSetFeatures(probabilities, logits, state.projection(rows), state.reference_vectors, state.gaussians)
    return np.asarray(known_scores(threshold.score, features, threshold.scales) < threshold.threshold)


def measured(probabilities: Floats, sets: Floats, is_unknown: Floats, labels: Ints, kept: Ints) -> list[float]:
    """Return the values of `COLUMNS`."""
    correct = probabilities.argmax(1) == labels
    counts = np.bincount(labels, minlength=len(kept))
    each = 1.0 / (counts[labels] * (counts > 0).sum())
    order = np.argsort(kept, kind="stable")
    third = len(kept) // 3
    rare, common = np.isin(labels, order[:third]), np.isin(labels, order[-third:])
    return [
        float(correct.mean()),
        float(each @ correct),
        float(np.average(correct[rare], weights=each[rare])),
        float(np.average(correct[common], weights=each[common])),
        expected_calibration_error(probabilities, labels, weights=each),
        float(each @ sets[np.arange(len(labels)), labels]),
        float(each @ sets.sum(1)),
        float(is_unknown[rare].mean()),
        float(is_unknown[common].mean()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--smallest", type=int, default=3)
    parser.add_argument("--largest", type=int, default=30)
    options = parser.parse_args()
    records = read(options.data)
    rows = embed(records.paths)
    vectors = dict(zip(records.paths, rows, strict=True))
    is_test = np.array([record.split == "test" for record in records])
    test = TestPhotos(rows[is_test], np.array(records.labels)[is_test])
    train = records.like(record for record in records if record.split == "train")
    found: dict[Metric, list[list[float]]] = {"top1": [], "mean_class": []}
    for seed in range(options.seeds):
        random = np.random.default_rng(seed)
        kept = sizes(len(records.classes), options.largest, options.smallest, random)
        few = thinned(train, kept, random)
        for metric, values in found.items():
            values.append(figures(few, vectors, test, kept, metric, seed))
            print(f"seed {seed}, {metric}: " + ", ".join(f"{value:.3f}" for value in values[-1]), flush=True)
    print("| | " + " | ".join(COLUMNS) + " |\n|" + " --- |" * (1 + len(COLUMNS)))
    for name, values in (*found.items(), ("difference", np.subtract(found["mean_class"], found["top1"]))):
        mean, spread = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
        cells = (f"{one:.3f} ± {other:.3f}" for one, other in zip(mean, spread, strict=True))
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
