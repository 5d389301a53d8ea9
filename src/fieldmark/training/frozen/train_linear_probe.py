"""``linear_probe``: a softmax regression on frozen, pooled features."""

from __future__ import annotations

import logging
from pathlib import Path

from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.zoom import Zoom
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.training.frozen.fit_member import fit_member
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import run_pass
from fieldmark.training.member import Trained

__all__ = ["train_linear_probe"]

logger = logging.getLogger(__name__)


def train_linear_probe(
    photos: PhotoTable, settings: LinearProbe.Settings, run_dir: Path, *, resume: bool = False
) -> Trained:
    """Fit on train, and on val where it was carved; cross-validation inside them chooses the regularisation.

    It takes seconds: nothing is resumed.
    """
    backbone = FrozenBackbone(
        photos.for_training(),
        settings,
        settings.backbone,
        settings.image_size,
        settings.poolings,
        learn_val=True,
        metric=settings.metric,
        whole_photo=settings.zoom,
    )
    zoom = Zoom(settings.zoom_threshold, tiles=settings.zoom_tiles) if settings.zoom else None
    run = run_pass(backbone, [settings.poolings], zoom=zoom, folds=settings.folds)
    of_classes = " mean class accuracy" if settings.metric == "mean_class" else ""
    step = f"{run.label}: {run.choice.accuracy:.3f}{of_classes} by cross-validation"
    logger.info(f"  {step}")
    return Trained([fit_member(run)], [step], run.choice.accuracy, metric=settings.metric)
