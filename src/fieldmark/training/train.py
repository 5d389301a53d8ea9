"""From prepared photos to a trained model: which method trains how."""

from __future__ import annotations

from pathlib import Path

from fieldmark.config import AutoSettings, FitSettings, GradientSettings, LinearProbeSettings
from fieldmark.data.photo_table import PhotoTable
from fieldmark.errors import SettingError
from fieldmark.training.frozen.train_auto import train_auto
from fieldmark.training.frozen.train_linear_probe import train_linear_probe
from fieldmark.training.gradient.train_by_gradient import train_by_gradient
from fieldmark.training.member import Trained

__all__ = ["train"]


def train(photos: PhotoTable, settings: FitSettings, run_dir: Path, *, resume: bool = False) -> Trained:
    """Train a method on the train photos. Photos of the role val serve for choices; test photos are not opened.

    Args:
        photos: All photos of the fit.
        settings: Settings of the method.
        run_dir: Folder for checkpoints, for methods that write any.
        resume: Continue from them.
    """
    match settings:
        case AutoSettings():
            return train_auto(photos, settings, run_dir)
        case LinearProbeSettings():
            return train_linear_probe(photos, settings)
        case GradientSettings():
            return train_by_gradient(photos, settings, run_dir, resume=resume)
    raise SettingError(f"the method '{settings.method}' has no training")
