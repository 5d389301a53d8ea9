"""``linear_probe``: a softmax regression on frozen, pooled features."""

from __future__ import annotations

import logging
from pathlib import Path

from fieldmark.data.photo_table import PhotoTable
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.training.frozen.frozen_heads import FrozenBackbone
from fieldmark.training.member import Trained

__all__ = ["train_linear_probe"]

logger = logging.getLogger(__name__)


def train_linear_probe(
    photos: PhotoTable, settings: LinearProbe.Settings, run_dir: Path, *, resume: bool = False
) -> Trained:
    """Fit on train; cross-validation inside train chooses the regularisation. It takes seconds: nothing is resumed."""
    frozen = FrozenBackbone(photos.for_training(), settings, settings.backbone, settings.image_size, settings.poolings)
    look = frozen.look([settings.poolings], folds=settings.folds)
    step = f"{frozen.label}, {look.choice.label}: {look.choice.accuracy:.3f} by cross-validation"
    logger.info(f"  {step}")
    return Trained([frozen.member(look, settings.method)], [step], look.choice.accuracy)
