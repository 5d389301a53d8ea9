"""``linear_probe``: a softmax regression on frozen, pooled features."""

from __future__ import annotations

import logging
from pathlib import Path

from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.views import read_views
from fieldmark.data.photos.zoom import Zoom
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.training.frozen.fit_member import fit_member
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import FrozenPass, run_pass
from fieldmark.training.member import Trained

__all__ = ["cross_validate", "train_linear_probe"]

logger = logging.getLogger(__name__)


def train_linear_probe(
    photos: PhotoTable, settings: LinearProbe.Settings, run_dir: Path, *, resume: bool = False
) -> Trained:
    """Fit on train, and on val where it was carved; cross-validation inside them chooses the regularisation.

    It takes seconds: nothing is resumed.
    """
    run, steps = cross_validate(photos, settings)
    for step in steps:
        logger.info(f"  {step}")
    return Trained([fit_member(run)], steps, run.choice.accuracy, metric=settings.metric)


def cross_validate(photos: PhotoTable, settings: LinearProbe.Settings) -> tuple[FrozenPass, list[str]]:
    """Return the pass that `train_linear_probe` fits its head on, and what the log says about it."""
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
    steps = [f"{run.label}: {run.choice.accuracy:.3f}{of_classes} by cross-validation{run.given_note}"]
    if zoom is not None:
        whole = run_pass(backbone, [settings.poolings], mirror=False, folds=settings.folds)
        gain = run.choice.accuracy - whole.choice.accuracy
        times = read_views(settings.test_views, zoom) / settings.test_views
        steps.append(
            f"zoom gains {gain:+.3f} over the whole photo, and answers take {times:g} times the time; --set zoom=false "
            "leaves it out"
        )
    return run, steps
