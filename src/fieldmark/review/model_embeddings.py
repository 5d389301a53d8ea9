"""Embeddings of photos by a model, kept in the cache: opening a review or a labelling again takes no second pass."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float32s
from fieldmark.backbones.feature_cache import FeatureCache, cache_root, row_key
from fieldmark.data.photos.open_photo import content_key
from fieldmark.errors import PhotoError
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import Record

__all__ = ["ModelEmbeddings"]

_VERSION = 1
_AT_ONCE = 512  # photos between two writes to the cache


class ModelEmbeddings:
    """Computes embeddings (N, D) by the first member of a model, at unit length; NaN for photos that cannot be read.

    Args:
        predictor: A model folder.

    Raises:
        ModelError: The model has no open-set data, which say how long its embeddings are.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        member = predictor.manifest.members[0]
        text = repr((_VERSION, predictor.manifest.checksums.get(member.graph), member.preprocess, member.views))
        key = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self._cache = FeatureCache(
            cache_root() / "features" / f"model-{key}", predictor.open_set.state.projection.width
        )

    def __call__(self, paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0) -> Float32s:
        """Return the embeddings in the order of `paths`."""
        trims = [trim_bottom] * len(paths) if isinstance(trim_bottom, int) else list(trim_bottom)
        records = [Record(path, 0, trim_bottom=trim) for path, trim in zip(paths, trims, strict=True)]
        keys = [_key(record) for record in records]
        missing = [index for index, key in enumerate(keys) if key and key not in self._cache]
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE]
            found = self._predictor.embeddings([records[index] for index in part])
            good = [row for row in range(len(part)) if row not in found.errors]
            self._cache.append([keys[part[row]] for row in good], found.vectors[good].astype(np.float32))
        rows = self._cache.rows_of(keys)
        embeddings = np.full((len(paths), self._cache.width), np.nan, dtype=np.float32)
        embeddings[rows >= 0] = self._cache.read(rows[rows >= 0])
        return embeddings


def _key(record: Record) -> bytes:
    """Key of a photo in the cache; empty where the file cannot be opened."""
    try:
        return row_key(content_key(record.path), trim_bottom=record.trim_bottom)
    except PhotoError:
        return b""
