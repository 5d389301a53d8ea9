"""Cache of cross-validated choices on disk: the same photos, features and folds give the same choice."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fieldmark.layers.softmax_regression import LinearHead
from fieldmark.training.frozen.choose_head import C_GRID, MAX_CV_PHOTOS, HeadChoice

__all__ = ["choice_key", "remembered_choice"]

_VERSION = 1
"""Increase it when `choose_head` returns other results for the same inputs."""


def choice_key(*question: object) -> str:
    """Return a hash of everything that a choice depends on; arrays are hashed by their bytes."""
    digest = hashlib.blake2b(repr((_VERSION, C_GRID, MAX_CV_PHOTOS)).encode(), digest_size=16)
    for part in question:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()


def remembered_choice(file: Path, choose: Callable[[], HeadChoice]) -> HeadChoice:
    """Return the choice in `file`; if there is none, call `choose` and store its result there."""
    try:
        with np.load(file, allow_pickle=False) as held:
            return HeadChoice(
                tuple(str(name) for name in held["names"]),
                float(held["C"]),
                held["positions"],
                held["logits"],
                float(held["accuracy"]),
                LinearHead(held["weight"], held["bias"]),
            )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):  # missing or incomplete
        choice = choose()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.stem}.part.npz")
    start = choice.start
    np.savez(
        draft,
        names=np.array(choice.names),
        C=choice.C,
        positions=choice.positions,
        logits=choice.logits,
        accuracy=choice.accuracy,
        weight=start.weight,
        bias=start.bias,
    )
    draft.replace(file)
    return choice
