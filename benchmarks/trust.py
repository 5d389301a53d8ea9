"""Do confidence, candidate sets, back-off and fused specimens keep what they promise?

    python benchmarks/trust.py MODEL... [--draws 10]

Each model is asked once about the test photos of its data; everything else is arithmetic on those probabilities. The
draws of the coverage: as many test photos as the model holds out of val become calibration photos, the others are
tested. One draw in twenty should leave the 95 % band, which is that of the beta-binomial distribution.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom
from sklearn.base import BaseEstimator, ClassifierMixin

from fieldmark import load
from fieldmark.api import Recognizer
from fieldmark.arrays import log_softmax
from fieldmark.calibration.temperature import expected_calibration_error
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.evaluation.guarantee_metrics import back_off_figures
from fieldmark.recognizer.specimen import fuse_photos
from fieldmark.uncertainty.conformal import conformity_scores, prediction_sets, score_quantile
from fieldmark.uncertainty.raps import choose_conformity_score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class GivenProbabilities(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier whose input is the probabilities (n, K) themselves, for MAPIE."""

    def __init__(self, num_classes: int = 2) -> None:
        self.num_classes = num_classes
        self.classes_ = np.arange(num_classes)

    def fit(self, X: Floats, y: Ints) -> GivenProbabilities:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, X: Floats) -> Floats:
        return np.asarray(X)

    def predict(self, X: Floats) -> Ints:
        return np.asarray(X).argmax(1)


MAX_DRAWN = 150
SCORE_DRAWS = 50
SIZES = ((0, 0), (1, 1), (2, 3), (4, 6), (7, 10), (11, 10**9))


def ask(model: Path) -> tuple[Recognizer, Floats, Ints]:
    """Probabilities of the test photos, and their labels."""
    recognizer = load(model)
    records = photos_of_split(recognizer, None, "test")
    scores = recognizer.scores(records, f"asking {model.name}")
    good = [index for index in range(len(records)) if index not in scores.errors]
    return recognizer, scores.probabilities[good], np.array(records.labels, dtype=np.int64)[good]


def calibration(recognizer: Recognizer, probabilities: Floats, labels: Ints) -> None:
    """ECE, beside that of answers which are right exactly as often as these claim: the error has a floor."""
    members = recognizer.manifest.members
    after = expected_calibration_error(probabilities, labels)
    if len(members) == 1 and recognizer.manifest.scaling is None:  # the temperature can be taken back
        raw = np.exp(log_softmax(np.log(np.maximum(probabilities, 1e-30)) * members[0].temperature))
        print(f"  ECE {expected_calibration_error(raw, labels):.3f} before, {after:.3f} after calibration")
    else:
        print(f"  ECE {after:.3f} after calibration")
    rng, confidence = np.random.default_rng(0), probabilities.max(1)
    claimed = np.stack([confidence, 1.0 - confidence], 1)
    claimed[confidence < 0.5, 1] = 0.0  # so that the first stays the best
    floor = [
        expected_calibration_error(claimed, (rng.random(len(labels)) >= confidence).astype(np.int64))
        for _ in range(500)
    ]
    low, high = np.quantile(floor, (0.05, 0.95))
    print(f"    were it perfect, {np.mean(floor):.3f} ({low:.3f} to {high:.3f} in nine draws of ten)")


def coverage(recognizer: Recognizer, probabilities: Floats, labels: Ints, level: float, draws: int) -> None:
    count, score = recognizer.guarantees.photos or MAX_DRAWN, recognizer.guarantees.score
    shipped = recognizer.guarantees.sets(probabilities, level)
    if shipped is not None:
        held = shipped[np.arange(len(labels)), labels]
        print(f"  coverage {level}: {held.mean():.3f} by the model as it is, {shipped.sum(1).mean():.2f} classes a set")
    found, sizes, delivered = [], [], []
    rng = np.random.default_rng(0)
    tested = len(labels) - count
    missed = int(np.floor((count + 1) * (1 - level) + 1e-9))
    low, high = betabinom.interval(0.95, tested, count + 1 - missed, missed)
    for _ in range(draws):
        order = rng.permutation(len(labels))
        first, rest = order[:count], order[count:]
        quantile = score_quantile(conformity_scores(probabilities[first], labels[first], score), level)
        if quantile is None:
            print(f"  coverage {level}: {count} calibration photos are too few")
            return
        truth = np.arange(len(rest)), labels[rest]
        bare = prediction_sets(probabilities[rest], quantile, score, allow_empty=True)
        sets = prediction_sets(probabilities[rest], quantile, score)
        found.append(bare[truth].mean())
        delivered.append(sets[truth].mean())
        sizes.append(sets.sum(1).mean())
    inside = np.mean((np.array(found) >= low / tested) & (np.array(found) <= high / tested))
    print(
        f"    {draws} draws of {count}: mean {np.mean(found):.3f}, {np.min(found):.3f} to {np.max(found):.3f}, "
        f"{inside:.0%} inside the band {low / tested:.3f} to {high / tested:.3f}; "
        f"with the best class always in: {np.mean(delivered):.3f}, {np.mean(sizes):.2f} classes a set"
    )


def compare_scores(count: int, probabilities: Floats, labels: Ints, level: float) -> None:
    """LAC, APS and RAPS on the same draws, beside MAPIE's APS with its random numbers.

    One part of the photos calibrates, another of its size chooses the numbers of RAPS, the rest is tested. MAPIE's RAPS
    parts photos by class and needs more of each.
    """
    rng = np.random.default_rng(0)
    tables: dict[str, list[tuple[Bools, Ints]]] = {name: [] for name in ("LAC", "APS", "RAPS", "MAPIE's random APS")}
    for _ in range(SCORE_DRAWS):
        order = rng.permutation(len(labels))
        first, second, rest = order[:count], order[count : 2 * count], order[2 * count :]
        for name in ("lac", "aps", "raps"):
            score = choose_conformity_score(name, probabilities[second], labels[second], level)
            quantile = score_quantile(conformity_scores(probabilities[first], labels[first], score), level)
            if quantile is None:
                print(f"  scores at {level}: {count} calibration photos are too few")
                return
            tables[name.upper()].append((prediction_sets(probabilities[rest], quantile, score), labels[rest]))
        theirs = _by_mapie(probabilities[first], labels[first], probabilities[rest], level)
        tables["MAPIE's random APS"].append((theirs, labels[rest]))
    for name, draws in tables.items():
        sets, truth = np.concatenate([one for one, _ in draws]), np.concatenate([one for _, one in draws])
        held, sizes = sets[np.arange(len(truth)), truth], sets.sum(1)
        bins = [(sizes >= low) & (sizes <= high) for low, high in SIZES]
        by_size = " ".join(f"{held[bin].mean():.2f} ({bin.mean():.0%})" if bin.any() else "-" for bin in bins)
        by_class = sorted(float(held[truth == label].mean()) for label in np.unique(truth))
        print(
            f"    {name} at {level}: coverage {held.mean():.3f}, {sizes.mean():.2f} classes a set, "
            f"largest {sizes.max()}; sets of 0, 1, 2-3, 4-6, 7-10, 11+ classes: {by_size}; "
            f"worst class {by_class[0]:.2f}, worst tenth {np.mean(by_class[: max(1, len(by_class) // 10)]):.2f}"
        )


def _by_mapie(known: Floats, labels: Ints, fresh: Floats, level: float) -> Bools:
    from mapie.classification import SplitConformalClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier = SplitConformalClassifier(
            GivenProbabilities(known.shape[1]), level, conformity_score="aps", prefit=True, random_state=0
        )
        classifier.conformalize(known, labels)
        found: Bools = classifier.predict_set(fresh, {"include_last_label": "randomized"})[1][:, :, 0]
    return found


def back_off(recognizer: Recognizer, probabilities: Floats, labels: Ints, wanted: float) -> None:
    found = back_off_figures(recognizer.guarantees, probabilities, labels, wanted)
    ranks = ", ".join(
        f"{part.rank} {part.share:.3f}" + ("" if part.right is None else f" ({part.right:.3f} right)")
        for part in found.by_rank
    )
    right = "none" if found.right is None else f"{found.right:.3f}"
    vouched = "" if found.vouched else ", not vouched for"
    print(f"  wanted {wanted}: {right} right at their rank, {found.answered:.3f} answered: {ranks}{vouched}")


def specimens(probabilities: Floats, labels: Ints, size: int, *, shuffled: bool) -> None:
    """Groups of one class: at random, as independent as photos can be, or neighbours in the order of the files."""
    rng = np.random.default_rng(0)
    groups: list[Ints] = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        own = rng.permutation(own) if shuffled else own
        groups += list(own[: len(own) // size * size].reshape(-1, size))
    truth = np.array([labels[group[0]] for group in groups])
    single = (probabilities[np.concatenate(groups)].argmax(1) == labels[np.concatenate(groups)]).mean()
    mean = np.array([probabilities[group].mean(0) for group in groups])
    fused = np.array([fuse_photos(probabilities[group]) for group in groups])
    error = expected_calibration_error(mean, truth)
    print(
        f"  {size} {'random photos' if shuffled else 'neighbouring photos'} of a class: {single:.3f} one by one, "
        f"{(mean.argmax(1) == truth).mean():.3f} by mean probability (ECE {error:.3f}), "
        f"{(fused.argmax(1) == truth).mean():.3f} fused (ECE {expected_calibration_error(fused, truth):.3f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args()
    for model in options.models:
        recognizer, probabilities, labels = ask(model)
        accuracy = (probabilities.argmax(1) == labels).mean()
        print(f"{model.name}: {len(labels)} test photos, {recognizer.guarantees.photos} held out, top-1 {accuracy:.3f}")
        calibration(recognizer, probabilities, labels)
        for level in (0.9, 0.95):
            coverage(recognizer, probabilities, labels, level, options.draws)
            compare_scores(recognizer.guarantees.photos or MAX_DRAWN, probabilities, labels, level)
        for wanted in (0.9, 0.95):
            back_off(recognizer, probabilities, labels, wanted)
        for size in (2, 3):
            for shuffled in (True, False):
                specimens(probabilities, labels, size, shuffled=shuffled)


if __name__ == "__main__":
    main()
