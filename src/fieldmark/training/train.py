"""From prepared records to a trained model: which method trains how."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.config import AutoSettings, FitSettings, GradientSettings, LinearProbeSettings
from fieldmark.errors import SettingError
from fieldmark.structures import RecordList
from fieldmark.training.frozen.frozen_heads import FrozenData
from fieldmark.training.frozen.train_auto import train_auto
from fieldmark.training.frozen.train_linear_probe import train_linear_probe
from fieldmark.training.gradient.train_by_gradient import train_by_gradient
from fieldmark.training.member import Trained

__all__ = ["train"]


def train(
    records: RecordList,
    groups: NDArray[np.int64],
    settings: FitSettings,
    run_dir: Path,
    *,
    content_keys: Mapping[Path, str] | None = None,
    held: NDArray[np.bool_] | None = None,
    resume: bool = False,
) -> Trained:
    """Train a method on the records' train split; val serves for choices, test is not looked at.

    Args:
        records: All photos, each with a split.
        groups: Group number of each; groups do not part in cross-validation.
        settings: Of the method.
        run_dir: Where checkpoints go, for methods that have any.
        content_keys: `content_key` of the files, where it is known.
        held: Which of the records nothing may be chosen by; val photos all of them.
        resume: Continue from them.
    """
    train_at = np.flatnonzero([record.split == "train" for record in records])
    val_at = np.flatnonzero([record.split == "val" for record in records])
    chosen = records.like(records[index] for index in [*train_at, *val_at])
    data = FrozenData(
        chosen, len(train_at), groups[train_at], content_keys or {}, None if held is None else held[val_at]
    )
    match settings:
        case AutoSettings():
            return train_auto(data, settings, run_dir)
        case LinearProbeSettings():
            return train_linear_probe(data, settings)
        case GradientSettings():
            return train_by_gradient(data, settings, run_dir, resume=resume)
    raise SettingError(f"the method '{settings.method}' has no training")
