"""Cache of cross-validated choices on disk: the same photos, features and folds give the same choice."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.backbones.feature_cache import cache_root
from fieldmark.data.photo_table import PhotoTable
from fieldmark.layers.softmax_regression import LinearHead
from fieldmark.training.frozen.choose_head import C_GRID, MAX_CV_PHOTOS, MAX_OUT_OF_FOLD, HeadChoice

__all__ = ["choice_key", "photos_key", "remembered_arrays", "remembered_choice"]

Arrays = Mapping[str, NDArray[Any]]

_VERSION = 4
"""Increase it when `choose_head` or `out_of_fold_logits` returns other results for the same inputs."""


def choice_key(*question: object) -> str:
    """Return a hash of everything that a choice depends on; arrays are hashed by their bytes."""
    digest = hashlib.blake2b(repr((_VERSION, C_GRID, MAX_CV_PHOTOS, MAX_OUT_OF_FOLD)).encode(), digest_size=16)
    for part in question:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()


def photos_key(photos: PhotoTable) -> str:
    """Return a hash of the contents and labels of train and val photos, in their order."""
    rows = list(zip(photos.content_keys, photos.records.labels, strict=True))
    count = len(photos.positions("train"))
    return hashlib.blake2b(repr((rows, count)).encode(), digest_size=8).hexdigest()


def remembered_choice(key: str, choose: Callable[[], HeadChoice]) -> HeadChoice:
    """Return the choice that is stored under `key`; if there is none, call `choose` and store its result."""
    held = remembered_arrays(key, lambda: _packed(choose()))
    heads = (LinearHead(*both) for both in zip(held["weights"], held["biases"], strict=True))
    return HeadChoice(
        tuple(str(name) for name in held["names"]),
        float(held["C"]),
        held["positions"],
        held["logits"],
        float(held["accuracy"]),
        held["fold_of"],
        tuple(heads),
        float(held["balance"]),
    )


def remembered_arrays(key: str, compute: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that are stored under `key`; if there are none, call `compute` and store its result."""
    file = cache_root() / "choices" / f"{key}.npz"
    try:
        with np.load(file, allow_pickle=False) as held:
            return dict(held)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):  # missing or incomplete
        found = compute()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.stem}.part.npz")
    np.savez(draft, **found)  # type: ignore[arg-type]  # no array is called allow_pickle
    draft.replace(file)
    return found


def _packed(choice: HeadChoice) -> Arrays:
    return {
        "names": np.array(choice.names),
        "C": np.array(choice.C),
        "positions": choice.positions,
        "logits": choice.logits,
        "accuracy": np.array(choice.accuracy),
        "fold_of": choice.fold_of,
        "weights": np.stack([head.weight for head in choice.heads]),
        "balance": np.array(choice.balance),
        "biases": np.stack([head.bias for head in choice.heads]),
    }
