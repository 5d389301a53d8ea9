"""Pixels that a look over the files decoded and that a network reads next, kept in a temporary file."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image

from fieldmark.arrays import Pixels
from fieldmark.data.photos.preprocess import Preprocess

__all__ = ["MAX_BYTES", "PixelStore"]

MAX_BYTES = 4 * 2**30
"""Size of the file at most: 28,000 photos at 224 pixels. Further photos are decoded once more."""

_SHARE_OF_DISK = 0.1


class PixelStore:
    """Square arrays of photos by the content of their files. Threads may share it; memory does not grow with it.

    Args:
        preprocess: What the network reads.
        folder: Where the temporary file lies. It is deleted when the store is closed, or the process ends.
        max_bytes: Size of the file; never more than a tenth of what is free on the disk.
    """

    def __init__(self, preprocess: Preprocess, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.preprocess = preprocess
        side = preprocess.image_size
        self._shape = (side, side, 3)
        self._row_bytes = 3 * side * side
        self._most = min(max_bytes, int(_SHARE_OF_DISK * shutil.disk_usage(folder).free)) // self._row_bytes
        self._rows: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        # Reads and writes, not a mapping: pages that are mapped count as memory of the process.
        self._file = tempfile.TemporaryFile(dir=folder, prefix="pixels-", buffering=0)  # noqa: SIM115

    def __enter__(self) -> PixelStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._rows)

    def keep(self, content_key: str, trim_bottom: int, photo: Image.Image) -> None:
        """Store what the network reads of a photo, unless the store is full.

        Args:
            content_key: Hash of the file's bytes.
            trim_bottom: Pixels that were cut off at the bottom.
            photo: The photo, as `open_photo` returns it for `Preprocess.draft_size`.
        """
        key = content_key, trim_bottom
        if key in self._rows or len(self._rows) >= self._most:
            return
        content = np.ascontiguousarray(self.preprocess(photo)).tobytes()
        with self._lock, contextlib.suppress(OSError):  # a full disk only means that the photo is decoded again
            row = len(self._rows)
            self._file.seek(row * self._row_bytes)
            if key not in self._rows and self._file.write(content) == len(content):
                self._rows[key] = row

    def find(self, content_key: str, trim_bottom: int, preprocess: Preprocess) -> Pixels | None:
        """Return the array (S, S, 3) of a photo; None where it is not stored, or was made for another geometry."""
        own = self.preprocess
        if (own.image_size, own.resize, own.interpolation) != (
            preprocess.image_size,
            preprocess.resize,
            preprocess.interpolation,
        ):
            return None
        row = self._rows.get((content_key, trim_bottom))
        if row is None:
            return None
        with self._lock:
            self._file.seek(row * self._row_bytes)
            content = self._file.read(self._row_bytes)
        return np.frombuffer(content, np.uint8).reshape(self._shape)
