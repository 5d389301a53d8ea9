"""Which photos a guarantee rests on, and whether it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from fieldmark.arrays import Float64s, Ints
from fieldmark.calibration.calibrate import Calibration, Predicted
from fieldmark.data.photo_table import PhotoTable
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.structures import Record, RecordList
from fieldmark.uncertainty.certify import Certificate, certify, less_covered
from fieldmark.uncertainty.conformal import prediction_sets, score_quantile

CLASSES, TRAIN, VAL = 6, 300, 60


def _photos(*, val_carved: bool) -> PhotoTable:
    records = [
        Record(Path(f"{row}.jpg"), row % CLASSES, "train" if row < TRAIN else "val") for row in range(TRAIN + VAL)
    ]
    names = [f"class {label}" for label in range(CLASSES)]
    keys = [f"{row:04d}" for row in range(len(records))]
    return PhotoTable.of(RecordList(records, names), range(len(records)), keys, val_carved=val_carved)


def _probabilities(labels: Ints, sharpness: float, seed: int) -> Float64s:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(labels), CLASSES)) + sharpness * np.eye(CLASSES)[labels]
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _certificate(
    photos: PhotoTable,
    *,
    learned: int,
    val_sharpness: float = 2.0,
    seed: int = 0,
    contradicted: bool = False,
    conformal: str = "lac",
) -> Certificate:
    everything = _probabilities(photos.labels, 2.0, seed)
    val = photos.positions("val", "calibration")
    everything[val] = _probabilities(photos.labels[val], val_sharpness, seed + 1000)
    folds = Predicted(np.arange(learned), everything[:learned], everything[:learned]) if learned else None
    calibration = Calibration((), None, Predicted(val, everything[val], everything[val]), folds, contradicted, {}, None)
    return certify(calibration, photos, LinearProbe.Settings(conformal=conformal))


def test_without_out_of_fold_results_the_calibration_photos_count() -> None:
    photos = _photos(val_carved=True)
    facts = _certificate(photos, learned=0).facts
    assert (facts.photos, facts.rests_on) == (len(photos.positions("calibration")), "val")
    assert facts.photos_in_words == "30 held-out val photos"


def test_all_learned_photos_count_out_of_fold() -> None:
    facts = _certificate(_photos(val_carved=True), learned=TRAIN + VAL).facts
    assert (facts.photos, facts.rests_on, facts.contradiction) == (TRAIN + VAL, "out_of_fold", None)
    assert facts.photos_in_words == "360 photos in cross-validation"


def test_a_named_val_that_agrees_adds_its_calibration_photos() -> None:
    photos = _photos(val_carved=False)
    facts = _certificate(photos, learned=TRAIN).facts
    assert (facts.photos, facts.rests_on) == (TRAIN + len(photos.positions("calibration")), "out_of_fold")


def test_a_harder_val_replaces_out_of_fold_scores() -> None:
    photos = _photos(val_carved=False)
    facts = _certificate(photos, learned=TRAIN, val_sharpness=0.3).facts
    assert (facts.photos, facts.rests_on) == (len(photos.positions("calibration")), "val")
    assert facts.contradiction is not None
    assert facts.contradiction.startswith(
        "correct classes are less probable on val than out of fold on train (Mann-Whitney test, p = "
    )


def test_an_overconfident_val_replaces_out_of_fold_scores() -> None:
    facts = _certificate(_photos(val_carved=False), learned=TRAIN, contradicted=True).facts
    assert facts.rests_on == "val"
    assert (
        facts.contradiction == "answers on val are significantly less certain than out-of-fold answers on train claim"
    )


def test_photos_that_chose_the_numbers_of_raps_do_not_calibrate() -> None:
    facts = _certificate(_photos(val_carved=True), learned=TRAIN + VAL, conformal="raps").facts
    assert facts.k_reg > 0
    assert facts.photos == TRAIN


def test_the_test_rejects_as_often_as_it_says() -> None:
    """Of 400 draws of equal scores a twentieth is rejected, within the binomial band; harder scores always are."""
    rng = np.random.default_rng(0)
    low, high = binom.interval(0.999, 400, 0.05)
    assert low <= sum(less_covered(rng.random(40), rng.random(300)) < 0.05 for _ in range(400)) <= high
    assert all(less_covered(rng.random(40) ** 0.3, rng.random(300)) < 0.05 for _ in range(50))
    assert less_covered(np.zeros(0), rng.random(5)) == 1.0


@pytest.mark.parametrize("learned", [0, TRAIN + VAL])
def test_the_coverage_of_exchangeable_photos_lies_in_its_band(learned: int) -> None:
    """Over 200 draws of calibration photos, the mean coverage of fresh photos is that of the beta distribution."""
    photos = _photos(val_carved=True)
    fresh = np.arange(20_000) % CLASSES
    probabilities = _probabilities(fresh, 2.0, 10**6)
    covered = []
    for seed in range(200):
        certificate = _certificate(photos, learned=learned, seed=seed)
        quantile = score_quantile(certificate.tables.scores, 0.9)
        assert quantile is not None
        sets = prediction_sets(probabilities, quantile, allow_empty=True)
        covered.append(sets[np.arange(len(fresh)), fresh].mean())
    count = certificate.facts.photos
    rank = np.ceil((count + 1) * 0.9)
    mean = rank / (count + 1)
    deviation = np.sqrt(mean * (1 - mean) / (count + 2))
    assert np.mean(covered) == pytest.approx(mean, abs=4 * deviation / np.sqrt(200) + 0.005)
    assert np.std(covered) == pytest.approx(deviation, rel=0.25)
