"""Unknown classes and newcomers on embeddings alone: many draws in the time of one `fit`.

python benchmarks/left_out_classes.py CUB_200_2011_first50 [--draws 5] [--far FLOWERS17] [--shots 5]

Each draw leaves a fifth of the classes out. Projection, statistics and a softmax head are fitted on the others; half of
val gives temperature, threshold and gates, as in a fit. Test photos of both sides are then told apart, and at last the
classes that were left out join from a few of their train photos each. `open_set.py` and `enroll.py` measure the same
through the commands, with photos read and models written anew in every draw.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from fieldmark.arrays import log_softmax
from fieldmark.backbones.bundled_embeddings import embed
from fieldmark.calibration.temperature import fit_temperature
from fieldmark.data.read import read
from fieldmark.data.splits import carve
from fieldmark.evaluation.open_set import fpr_at, oscr
from fieldmark.layers.softmax_regression import LinearHead, fit_softmax
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.enrolled_classes import enrolled_odds, with_enrolled
from fieldmark.openset.enrolment_gate import fit_gates
from fieldmark.openset.leave_class_out import leave_class_out
from fieldmark.openset.projection import Projection
from fieldmark.openset.unknown_scores import (
    DEFAULT_SCORE,
    OpenSetFeatures,
    fit_threshold,
    known_scores,
)
from fieldmark.scores import UNKNOWN_SCORES
from fieldmark.training.frozen.single_thread import one_thread_each

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Photos:
    """Embeddings (n, D), labels (n,), and which photos are train, the free half of val, and test."""

    embeddings: Floats
    labels: Ints
    train: NDArray[np.bool_]
    free: NDArray[np.bool_]
    test: NDArray[np.bool_]


@dataclass(frozen=True)
class Fitted:
    """What is fitted on the classes that stay."""

    classes: Ints
    projection: Projection
    head: LinearHead
    temperature: float
    vectors: Floats
    labels: Ints
    gaussians: ClassGaussians

    def evidence(self, embeddings: Floats) -> OpenSetFeatures:
        vectors = self.projection(embeddings)
        logits = self.head(vectors).astype(np.float64) / self.temperature
        return OpenSetFeatures(np.exp(log_softmax(logits)), logits, vectors, self.vectors, self.gaussians)


def photos_of(data: Path) -> Photos:
    records = read(data)
    records = carve(records, groups=range(len(records)))
    splits = np.array([record.split for record in records])
    embeddings = embed(records.paths)
    whole = np.isfinite(embeddings).all(1)
    free = np.zeros(len(records), dtype=np.bool_)
    free[np.random.default_rng(0).permutation(np.flatnonzero(splits == "val"))[::2]] = True
    labels = np.array(records.labels, dtype=np.int64)
    return Photos(embeddings, labels, whole & (splits == "train"), whole & free, whole & (splits == "test"))


def fitted(photos: Photos, classes: Ints) -> Fitted:
    inside = photos.train & np.isin(photos.labels, classes)
    projection = Projection.fit(photos.embeddings[inside])
    vectors, labels = projection(photos.embeddings[inside]), np.searchsorted(classes, photos.labels[inside])
    with one_thread_each(1) as pool:
        head = pool.submit(fit_softmax, vectors, labels, len(classes), 15.0).result()
    free = photos.free & np.isin(photos.labels, classes)
    truth = np.searchsorted(classes, photos.labels[free])
    temperature = fit_temperature(head(projection(photos.embeddings[free])), truth)
    gaussians = ClassGaussians.fit(vectors, labels, len(classes))
    return Fitted(classes, projection, head, temperature, vectors, labels, gaussians)


def open_set(photos: Photos, known: Fitted, strangers: Floats) -> dict[str, list[float]]:
    """Score -> AUROC, FPR, OSCR; and what the threshold of the default keeps and finds."""
    tested = photos.test & np.isin(photos.labels, known.classes)
    own, val = (photos.embeddings[which & np.isin(photos.labels, known.classes)] for which in (tested, photos.free))
    evidence = known.evidence(np.concatenate([own, strangers]))
    is_known = np.arange(len(evidence.vectors)) < len(own)
    truth = np.concatenate([np.searchsorted(known.classes, photos.labels[tested]), np.full(len(strangers), -1)])
    right = evidence.probabilities.argmax(1) == truth
    facts = fit_threshold(known.evidence(val), {}, DEFAULT_SCORE)
    assert facts is not None
    found = {}
    for name in UNKNOWN_SCORES:
        scores = known_scores(name, evidence, facts.scales)
        found[name] = [roc_auc_score(is_known, scores), fpr_at(0.95, scores, is_known), oscr(scores, is_known, right)]
    passed = known_scores(DEFAULT_SCORE, evidence, facts.scales) >= facts.threshold
    found["threshold: known kept, unknown found, top-1"] = [
        passed[is_known].mean(), 1 - passed[~is_known].mean(), right[is_known].mean()
    ]  # fmt: skip
    return found


def enrolled(photos: Photos, known: Fitted, out: Ints, shots: int, rng: np.random.Generator) -> list[float]:
    """Accuracy of the old classes before and after, and of the new ones."""
    inside, free = (which & np.isin(photos.labels, known.classes) for which in (photos.train, photos.free))
    draws = leave_class_out(
        photos.embeddings[inside],
        photos.labels[inside],
        photos.embeddings[free],
        photos.labels[free],
        np.arange(inside.sum()),
    )
    gates = fit_gates(draws)
    chosen = [rng.permutation(np.flatnonzero(photos.train & (photos.labels == label)))[:shots] for label in out]
    means = np.stack([known.projection(photos.embeddings[few]).mean(0) for few in chosen])
    test = known.evidence(photos.embeddings[photos.test])
    odds = enrolled_odds(test.vectors, means, [len(few) for few in chosen], known.gaussians, gates)
    names = np.concatenate([known.classes, out])
    before = names[test.probabilities.argmax(1)] == photos.labels[photos.test]
    after = names[with_enrolled(test.probabilities, odds).argmax(1)] == photos.labels[photos.test]
    is_new = np.isin(photos.labels[photos.test], out)
    return [before[~is_new].mean(), after[~is_new].mean(), after[is_new].mean()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--far", type=Path)
    arguments = parser.parse_args()
    photos = photos_of(arguments.data)
    far = embed(read(arguments.far).paths[::3]) if arguments.far else None
    near_rows, far_rows, enrol_rows = [], [], []
    for seed in range(arguments.draws):
        rng = np.random.default_rng(seed)
        order = rng.permutation(np.unique(photos.labels))
        out, classes = order[: len(order) // 5], np.sort(order[len(order) // 5 :])
        known = fitted(photos, classes)
        strangers = photos.embeddings[photos.test & np.isin(photos.labels, out)]
        near_rows.append(open_set(photos, known, strangers))
        if far is not None:
            far_rows.append(open_set(photos, known, far[np.isfinite(far).all(1)]))
        enrol_rows.append(enrolled(photos, known, out, arguments.shots, rng))
        before, after, new = enrol_rows[-1]
        base, joint = near_rows[-1]["max_softmax"][0], near_rows[-1][DEFAULT_SCORE][0]
        print(
            f"draw {seed}: AUROC {DEFAULT_SCORE} {joint:.3f}, max_softmax {base:.3f}; "
            f"old classes {before:.4f} -> {after:.4f}, new {new:.3f}",
            flush=True,
        )
    for kind, rows in (("near", near_rows), ("far", far_rows)):
        for name in rows[0] if rows else ():
            print(kind, name, *(f"{value:.3f}" for value in np.mean([row[name] for row in rows], axis=0)))
    print("enrolled: old before, old after, new:", *(f"{value:.4f}" for value in np.mean(enrol_rows, axis=0)))


if __name__ == "__main__":
    main()
