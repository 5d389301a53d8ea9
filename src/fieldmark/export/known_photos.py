"""The known photos of a model for a page without a server: vectors, labels and small pictures in one block of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fieldmark.arrays import Float32s, Ints, evenly
from fieldmark.artifact.gallery import GalleryRow
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.errors import ModelError, PhotoError
from fieldmark.progress import track
from fieldmark.recognizer.known_photo import known_photo
from fieldmark.recognizer.predictor import Predictor

__all__ = ["KnownPhotos", "known_photos"]

_SIDE = 200
_QUALITY = 72


@dataclass(frozen=True, slots=True)
class KnownPhotos:
    """Known photos, without their paths: a folder on the web need not tell them.

    Attributes:
        rows: ``label``, ``split``, and ``start`` and ``end`` of the picture in `pictures`; both are equal where the
            photo is no longer there.
        vectors: (n, d) unit vectors.
        pictures: JPEG files, one after the other.
        total: Known photos of the model, of which these are a part.
    """

    rows: list[dict[str, Any]]
    vectors: Float32s
    pictures: bytes
    total: int


def known_photos(recognizer: Predictor, limit: int, photos: Path | None = None) -> KnownPhotos | None:
    """Return at most about `limit` known photos, as many of each class, evenly taken; None if there are none.

    A class always keeps one photo.

    Args:
        recognizer: The model folder.
        limit: Number of photos.
        photos: Folder of the photos; None for the one that the model was made from.
    """
    if recognizer.manifest.gallery is None or limit == 0:
        return None
    held, vectors = recognizer.gallery.vectors()
    if not held:
        return None
    chosen = _chosen([row.label for row in held], limit)
    pictures, rows = BytesIO(), []
    for index in track(chosen.tolist(), "known photos", len(chosen)):
        start = pictures.tell()
        pictures.write(_picture(recognizer, held[index], photos))
        rows.append({"label": held[index].label, "split": held[index].split, "start": start, "end": pictures.tell()})
    return KnownPhotos(rows, vectors[chosen], pictures.getvalue(), len(held))


def _chosen(labels: list[str], limit: int) -> Ints:
    if len(labels) <= limit:
        return np.arange(len(labels), dtype=np.int64)
    names = np.array(labels)
    classes = np.unique(names)
    each = max(1, limit // len(classes))
    parts = [np.flatnonzero(names == name) for name in classes]
    return np.sort(np.concatenate([part[evenly(len(part), each)] for part in parts]))


def _picture(recognizer: Predictor, row: GalleryRow, photos: Path | None) -> bytes:
    """Return a small JPEG; empty where the photo is gone or must not be shown."""
    try:
        image = open_photo(known_photo(recognizer, row.path, photos), draft=(_SIDE, _SIDE))
    except (ModelError, PhotoError):
        return b""
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    stream = BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return stream.getvalue()
