"""Certify a calibrated model: measure what its prediction sets and its backed-off answers can guarantee."""

from __future__ import annotations

from dataclasses import dataclass

from fieldmark.calibration.calibrate import Calibration
from fieldmark.data.photo_table import PhotoTable
from fieldmark.methods.settings_base import FitSettings
from fieldmark.uncertainty.guarantees import GUARANTEES_FILE, GuaranteeFacts, GuaranteeTables
from fieldmark.uncertainty.raps import choose_conformity_score
from fieldmark.uncertainty.taxonomy import Hierarchy

__all__ = ["Certificate", "certify"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The guarantees of a model.

    Attributes:
        facts: Conformity score, coverage and target accuracy.
        tables: Results on the calibration set.
    """

    facts: GuaranteeFacts
    tables: GuaranteeTables


def certify(calibration: Calibration, val: PhotoTable, settings: FitSettings) -> Certificate:
    """Measure the guarantees on the calibration photos; photos of the role val choose the conformity score.

    Args:
        calibration: Calibrated probabilities of the split val.
        val: The photos of the split val.
        settings: Conformity score, coverage and target accuracy.
    """
    choice, held = val.positions("val"), val.positions("calibration")
    score = choose_conformity_score(
        settings.conformal, calibration.probabilities[choice], val.labels[choice], settings.coverage
    )
    facts = GuaranteeFacts(
        file=GUARANTEES_FILE,
        photos=len(held),
        score=score.name,
        k_reg=score.k_reg,
        penalty=score.penalty,
        coverage=settings.coverage,
        target_accuracy=settings.target_accuracy,
    )
    hierarchy = Hierarchy(val.classes, val.records.ranks, val.taxonomy)
    return Certificate(facts, GuaranteeTables.of(calibration.probabilities[held], val.labels[held], hierarchy, score))
