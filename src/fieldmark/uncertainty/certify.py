"""Certify a calibrated model: measure what its prediction sets and its backed-off answers can guarantee.

Where all heads have out-of-fold results, the guarantees rest on these of all learned photos, ten times as many as val
has. Held-out val photos take their place if they contradict them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.calibration.calibrate import Calibration, Predicted
from fieldmark.data.photo_table import PhotoTable
from fieldmark.methods.settings_base import FitSettings
from fieldmark.uncertainty.conformity_scores import LAC, takes_prevalence
from fieldmark.uncertainty.guarantee_tables import GuaranteeTables
from fieldmark.uncertainty.guarantees import GUARANTEES_FILE, GuaranteeFacts
from fieldmark.uncertainty.raps import choose_conformity_score
from fieldmark.uncertainty.taxonomy import Hierarchy

__all__ = ["Certificate", "certify", "less_covered"]

SIGNIFICANT = 0.05
"""Held-out photos contradict out-of-fold scores below this p-value."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The guarantees of a model.

    Attributes:
        facts: Conformity score, coverage, target accuracy, and which photos calibrate.
        tables: Results on the calibration set.
    """

    facts: GuaranteeFacts
    tables: GuaranteeTables


def certify(calibration: Calibration, known: PhotoTable, settings: FitSettings) -> Certificate:
    """Measure the guarantees on photos that the heads did not learn from.

    Args:
        calibration: Calibrated results, held out and out of fold.
        known: The photos of `PhotoTable.for_training`.
        settings: Conformity score, coverage and target accuracy.
    """
    held, choice, contradiction = _calibration_set(calibration, known)
    score = choose_conformity_score(
        settings.conformal, choice.probabilities, known.labels[choice.rows], settings.coverage
    )
    if takes_prevalence(score.name):
        score = replace(score, prevalence=_prevalence(known, calibration.class_weights))
    if score.is_chosen:  # the photos that chose its parameters do not calibrate it
        held = held.without(choice.rows)
    facts = GuaranteeFacts(
        file=GUARANTEES_FILE,
        photos=len(held.rows),
        effective_photos=_effective(calibration.class_weights, known.labels[held.rows]),
        rests_on="val" if held.rows.size == 0 or contradiction or calibration.out_of_fold is None else "out_of_fold",
        contradiction=contradiction,
        score=score.name,
        k_reg=score.k_reg,
        penalty=score.penalty,
        classwise=settings.classwise,
        coverage=settings.coverage,
        target_accuracy=settings.target_accuracy,
    )
    hierarchy = Hierarchy(known.classes, known.records.ranks, known.taxonomy)
    tables = GuaranteeTables.of(
        held.probabilities, known.labels[held.rows], hierarchy, score, calibration.class_weights
    )
    return Certificate(facts, tables)


def less_covered(val: Floats, out_of_fold: Floats) -> float:
    """Return the p-value of the hypothesis that held-out photos conform at least as well as out-of-fold photos.

    It is the one-sided test of Mann and Whitney on the scores of the correct classes: (n,) of val photos, (m,) out of
    folds. Below `SIGNIFICANT`, sets from out-of-fold scores would cover too few photos like those of val.
    """
    from scipy.stats import mannwhitneyu

    if not len(val) or not len(out_of_fold):
        return 1.0
    return float(mannwhitneyu(val, out_of_fold, alternative="greater").pvalue)


def _effective(class_weights: Floats | None, labels: Ints) -> int | None:
    """Return the effective number of photos of unequal weight (Kish, "Survey sampling", 1965); None without weights."""
    if class_weights is None:
        return None
    each = class_weights[labels]
    return int(each.sum() ** 2 / np.square(each).sum()) if len(each) else 0


def _prevalence(known: PhotoTable, class_weights: Floats | None) -> tuple[float, ...]:
    """Return the share of each class among train and val photos, (K,), each photo weighted by its class."""
    counts = np.bincount(known.labels, minlength=len(known.classes)) * (1.0 if class_weights is None else class_weights)
    return tuple((counts / counts.sum()).tolist())


def _calibration_set(calibration: Calibration, known: PhotoTable) -> tuple[Predicted, Predicted, str | None]:
    """Return the photos that calibrate, those that may choose a score, and why out-of-fold results do not count."""
    val, folds = calibration.val, calibration.out_of_fold
    held = val.of_rows(known.positions("calibration"))
    if folds is None:
        return held, val.of_rows(known.positions("val")), None
    if np.isin(val.rows, folds.rows).any():  # the heads learned from val, so that nothing is held out
        return folds, folds.of_rows(val.rows), None
    contradiction = _contradiction(calibration, known.labels)
    choice = val.of_rows(known.positions("val"))
    return (held if contradiction else folds.and_also(held)), choice, contradiction


def _contradiction(calibration: Calibration, labels: Ints) -> str | None:
    val, folds = calibration.val, calibration.out_of_fold
    assert folds is not None
    if calibration.contradicted:
        return "answers on val are significantly less certain than out-of-fold answers on train claim"
    scores = [LAC(found.probabilities)[np.arange(len(found.rows)), labels[found.rows]] for found in (val, folds)]
    p_value = less_covered(*scores)
    if p_value >= SIGNIFICANT:
        return None
    return f"correct classes are less probable on val than out of fold on train (Mann-Whitney test, p = {p_value:.2g})"
