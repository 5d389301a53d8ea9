"""From prepared photos to trained members: call the trainer that the method declares."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol

from fieldmark.data.photo_table import PhotoTable
from fieldmark.methods import METHODS
from fieldmark.methods.settings_base import FitSettings, GradientSettings
from fieldmark.training.member import Trained

__all__ = ["Trainer", "check_machine", "train"]


class Trainer(Protocol):
    """Function that a method names as its `trainer`. It takes what `train` takes."""

    def __call__(self, photos: PhotoTable, settings: FitSettings, run_dir: Path, *, resume: bool) -> Trained: ...


def check_machine(settings: FitSettings) -> None:
    """Check, before any photo is read, that the machine has the devices that the training asks for.

    Raises:
        SettingError: It has fewer, or they cannot share a batch.
    """
    if isinstance(settings, GradientSettings):
        from fieldmark.training.gradient.processes import check_processes

        check_processes(settings)


def train(photos: PhotoTable, settings: FitSettings, run_dir: Path, *, resume: bool = False) -> Trained:
    """Train a method on the train photos. Photos of the role val serve for choices; test photos are not opened.

    Args:
        photos: All photos of the fit.
        settings: Settings of the method.
        run_dir: Folder for checkpoints, for methods that write any.
        resume: Continue from them.
    """
    module, _, name = METHODS.load(settings.method).trainer.partition(":")
    trainer: Trainer = getattr(importlib.import_module(module), name)
    return trainer(photos, settings, run_dir, resume=resume)
