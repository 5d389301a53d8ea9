"""Drift: do new photos differ from those that a model was made from, and in what?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.errors import DataError, ModelError
from fieldmark.evaluation.two_sample import PERMUTATIONS, holm, kernel_test, shares_test
from fieldmark.recognizer.open_set_outputs import open_set_features
from fieldmark.recognizer.predictor import Predictor

__all__ = [
    "MIN_PHOTOS",
    "ClassShift",
    "Drift",
    "DriftTest",
    "Sample",
    "UnusualPhoto",
    "compare_samples",
    "measure_drift",
]

MIN_PHOTOS = 20
"""Photos on either side below which nothing is tested."""

LEVEL = 0.05
_EXAMPLES = 24


@dataclass(frozen=True, slots=True)
class DriftTest:
    """One test of whether known and new photos come from the same distribution.

    Attributes:
        name: ``embedding``, ``confidence`` or ``classes``.
        statistic: Squared maximum mean discrepancy; Kolmogorov-Smirnov distance; half the sum of differences of shares.
        p_value: Without a correction.
        adjusted: Corrected for the number of tests (Holm).
    """

    name: str
    statistic: float
    p_value: float
    adjusted: float


@dataclass(frozen=True, slots=True)
class ClassShift:
    """A class that is answered more or less often than before.

    Attributes:
        label: The class.
        before: Share of the known photos with that answer.
        now: Share of the new photos.
        adjusted: p-value of Fisher's exact test, corrected for the number of classes (Holm).
    """

    label: str
    before: float
    now: float
    adjusted: float


@dataclass(frozen=True, slots=True)
class UnusualPhoto:
    """A new photo that is typical of what is new.

    Attributes:
        path: The photo.
        label: Its answer.
        confidence: Probability of the answer.
        witness: How much more typical it is of the new photos than of the known ones.
    """

    path: str
    label: str
    confidence: float
    witness: float


@dataclass(frozen=True, slots=True)
class Drift:
    """What `measure_drift` found.

    Attributes:
        found: Whether any test is significant after the correction.
        level: Chance of a false alarm, over all tests together.
        known: Number of known photos: val photos that the model was not trained on.
        new: Number of new photos that could be read.
        tests: The tests.
        mean_confidence: Of the known and of the new photos.
        unknown: Share of the new photos that probably show none of the classes; None if the model has no threshold.
        unknown_expected: Share of known photos for which that is said by mistake.
        classes: The classes whose share changed significantly, then the largest other changes.
        examples: New photos, the most typical of what is new first.
        errors: Path -> why a photo cannot be read.
    """

    found: bool
    level: float
    known: int
    new: int
    tests: tuple[DriftTest, ...]
    mean_confidence: tuple[float, float]
    unknown: float | None
    unknown_expected: float | None
    classes: tuple[ClassShift, ...]
    examples: tuple[UnusualPhoto, ...]
    errors: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``drift --json`` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Sample:
    """Photos as a model sees them.

    Attributes:
        vectors: (n, d) unit vectors.
        confidence: (n,) probability of the answer.
        answers: (n,) most probable class.
    """

    vectors: Floats
    confidence: Floats
    answers: Ints


def measure_drift(predictor: Predictor, photos: Sequence[Path], *, level: float = LEVEL, seed: int = 0) -> Drift:
    """Compare new photos with the val photos of a model, which it was not trained on. Their files are not needed.

    Args:
        predictor: The model.
        photos: New photos.
        level: Chance of a false alarm, over all tests together.
        seed: Of the permutations.

    Raises:
        ModelError: The model keeps fewer than 20 val photos.
        DataError: Fewer than 20 of the new photos can be read.
    """
    val = predictor.open_set.state.val
    if len(val.labels) < MIN_PHOTOS:
        raise ModelError(
            f"drift is measured against at least {MIN_PHOTOS} val photos, but the model {predictor.path} keeps "
            f"{len(val.labels)}; fit it on more photos"
        )
    seen, outputs, failed = open_set_features(predictor, photos, "comparing")
    errors = {str(photos[position]): reason for position, reason in failed.items()}
    good = [str(photo) for position, photo in enumerate(photos) if position not in failed]
    if len(good) < MIN_PHOTOS:
        raise DataError(f"drift needs at least {MIN_PHOTOS} new photos, but {len(good)} can be read: give more")
    new = Sample(np.asarray(seen.vectors), seen.probabilities.max(1), seen.probabilities.argmax(1))
    known = Sample(val.vectors, val.confidence, val.answers)
    tests, witness = compare_samples(known, new, len(predictor.manifest.classes), seed=seed)
    order = np.argsort(-witness, kind="stable")[:_EXAMPLES]
    names, threshold = predictor.manifest.classes, predictor.manifest.unknown
    return Drift(
        found=min(test.adjusted for test in tests) <= level,
        level=level,
        known=len(val.labels),
        new=len(good),
        tests=tests,
        mean_confidence=(float(known.confidence.mean()), float(new.confidence.mean())),
        unknown=None if outputs.unknown is None else float(np.mean(outputs.unknown)),
        unknown_expected=None if threshold is None else 1.0 - threshold.kept,
        classes=tuple(_class_shifts(known.answers, new.answers, names)),
        examples=tuple(
            UnusualPhoto(good[row], names[new.answers[row]], float(new.confidence[row]), float(witness[row]))
            for row in order.tolist()
        ),
        errors=errors,
    )


def compare_samples(
    known: Sample, new: Sample, num_classes: int, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> tuple[tuple[DriftTest, ...], Floats]:
    """Return the tests of embedding, confidence and classes, and the witness of each new photo.

    Embeddings: a kernel two-sample test. Confidence: Kolmogorov-Smirnov, as Rabanser et al. recommend for outputs of a
    classifier ("Failing loudly", NeurIPS 2019). Classes: a permutation test of their shares.
    """
    from scipy.stats import ks_2samp

    embedding = kernel_test(known.vectors, new.vectors, permutations=permutations, seed=seed)
    confidence = ks_2samp(known.confidence, new.confidence)
    shares = [np.bincount(one.answers, minlength=num_classes) / len(one.answers) for one in (known, new)]
    by_class = shares_test(known.answers, new.answers, num_classes, permutations=permutations, seed=seed)
    found = [
        ("embedding", embedding.distance, embedding.p_value),
        ("confidence", float(confidence.statistic), float(confidence.pvalue)),
        ("classes", float(np.abs(shares[0] - shares[1]).sum() / 2), by_class),
    ]
    adjusted = holm([p_value for _, _, p_value in found])
    tests = tuple(DriftTest(*one, corrected) for one, corrected in zip(found, adjusted, strict=True))
    return tests, embedding.witness


def _class_shifts(before: Ints, now: Ints, names: Sequence[str], shown: int = 10) -> list[ClassShift]:
    from scipy.stats import fisher_exact

    counts = [np.bincount(one, minlength=len(names)) for one in (before, now)]
    present = np.flatnonzero(counts[0] + counts[1])

    def p_value(label: int) -> float:
        table = [[part[label], len(one) - part[label]] for part, one in zip(counts, (before, now), strict=True)]
        return float(fisher_exact(table).pvalue)

    adjusted = holm([p_value(label) for label in present.tolist()])
    shifts = [
        ClassShift(names[label], float(counts[0][label] / len(before)), float(counts[1][label] / len(now)), corrected)
        for label, corrected in zip(present.tolist(), adjusted, strict=True)
    ]
    return sorted(shifts, key=lambda one: (one.adjusted > LEVEL, -abs(one.now - one.before)))[:shown]
