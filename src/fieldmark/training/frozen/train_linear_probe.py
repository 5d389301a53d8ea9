"""``linear_probe``: a softmax regression on frozen, pooled features."""

from __future__ import annotations

import logging

from fieldmark.config import LinearProbeSettings
from fieldmark.data.photo_table import PhotoTable
from fieldmark.training.frozen.frozen_heads import FrozenBackbone
from fieldmark.training.member import Trained

__all__ = ["train_linear_probe"]

logger = logging.getLogger(__name__)


def train_linear_probe(photos: PhotoTable, settings: LinearProbeSettings) -> Trained:
    """Fit on train; only the regularisation is chosen, by cross-validation inside train."""
    frozen = FrozenBackbone(photos.for_training(), settings, settings.backbone, settings.image_size, settings.poolings)
    look = frozen.look([settings.poolings], folds=settings.folds)
    step = f"{frozen.label}, {look.choice.label}: {look.choice.accuracy:.3f} by cross-validation"
    logger.info(f"  {step}")
    return Trained([frozen.member(look, "linear_probe")], [step], look.choice.accuracy)
