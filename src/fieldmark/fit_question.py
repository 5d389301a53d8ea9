"""Fit a further question on members that are trained already: heads, calibration, guarantees, open-set state."""

from __future__ import annotations

import logging

import numpy as np

from fieldmark.artifact.fitted_model import FittedQuestion
from fieldmark.artifact.linear_heads import LinearHeads
from fieldmark.calibration.calibrate import calibrate
from fieldmark.data.asked_photos import AskedPhotos
from fieldmark.data.photo_table import PhotoTable
from fieldmark.methods.settings_base import FitSettings
from fieldmark.openset.fit_openset import fit_openset
from fieldmark.training.member import Trained
from fieldmark.training.question_heads import train_heads
from fieldmark.uncertainty.certify import certify

__all__ = ["fit_question"]

logger = logging.getLogger(__name__)


def fit_question(
    asked: AskedPhotos, photos: PhotoTable, trained: Trained, settings: FitSettings, device: str
) -> FittedQuestion:
    """Take the steps of a fit after training for one further question. No photo passes through a network.

    Args:
        asked: The photos with a label for the question.
        photos: The whole table, which `asked.rows` counts.
        trained: Members with embeddings of `PhotoTable.for_training`.
        settings: Settings of the fit.
        device: Where heads are fitted.
    """
    order = np.concatenate([photos.positions("train"), photos.positions("val", "calibration")])
    known = asked.photos.for_training()
    fitted = train_heads(trained, known, np.flatnonzero(np.isin(order, asked.rows)), settings)
    calibration = calibrate(fitted.trained, known)
    certificate = certify(calibration, known, settings)
    open_set = fit_openset(
        fitted.trained, calibration, known, seed=settings.seed, score=settings.unknown_score, device=device
    )
    top1 = calibration.out_of_fold_top1 if fitted.trained.learned_val else calibration.top1
    if top1 is not None:
        where = "by cross-validation" if fitted.trained.learned_val else "on val"
        logger.info(f"  question '{asked.name}': {top1:.3f} {where}")
    heads = LinearHeads([head.weight for head in fitted.heads], [head.bias for head in fitted.heads])
    return FittedQuestion(asked, heads, calibration, certificate, open_set)
