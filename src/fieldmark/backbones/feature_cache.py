"""Cache of photo descriptors on disk, memory-mapped and keyed by their inputs."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from fieldmark.arrays import Ints
from fieldmark.errors import printable

__all__ = ["FeatureCache", "cache_root", "row_key"]

logger = logging.getLogger(__name__)

_KEY_BYTES = 16


def cache_root() -> Path:
    """Return the folder for recomputable data: ``FIELDMARK_CACHE``, or the system's cache folder.

    Where nothing can be written there, it is a temporary folder that is deleted at the end of the process.
    """
    from platformdirs import user_cache_path

    chosen = os.environ.get("FIELDMARK_CACHE")
    return _writable(Path(chosen) if chosen else user_cache_path("fieldmark", appauthor=False))


@lru_cache
def _writable(folder: Path) -> Path:
    reason = "read-only"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    logger.warning(
        f"the cache folder {printable(folder)} cannot be written ({reason}): computing without it; "
        "FIELDMARK_CACHE can name another folder"
    )
    return Path(_temporary_folder().name)


@lru_cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fieldmark-cache-")


def row_key(content_key: str, *, trim_bottom: int = 0, mirror: bool = False, zoom: str = "") -> bytes:
    """Return the key of one view of one photo; the graph and the preprocessing are in the cache's own key.

    Args:
        content_key: Hash of the file's bytes.
        trim_bottom: Pixels that are cut off at the bottom.
        mirror: Whether the view is turned left to right.
        zoom: Settings by which the view is zoomed in; empty for the whole photo.
    """
    text = f"{content_key}:{trim_bottom}:{int(mirror)}{':' if zoom else ''}{zoom}"
    return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).digest()


class FeatureCache:
    """Rows of `width` float16 values in an append-only file, and their keys in another.

    A row is valid once its key is written, which happens after the row. The next opening removes incomplete rows of an
    interrupted run. Writers of several processes use a lock file.

    Args:
        folder: Created if missing. One folder holds one kind of row.
        width: Number of values in a row.
    """

    def __init__(self, folder: Path, width: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.width = width
        self._rows_file = folder / "rows.f16"
        self._keys_file = folder / "keys.bin"
        self._lock = FileLock(folder / "lock")
        self._index: dict[bytes, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the keys that other writers have added."""
        if not self._keys_file.exists():
            return
        raw = self._keys_file.read_bytes()
        row_bytes = 2 * self.width
        held = self._rows_file.stat().st_size // row_bytes if self._rows_file.exists() else 0
        count = min(len(raw) // _KEY_BYTES, held)
        for row in range(len(self._index), count):
            self._index.setdefault(raw[row * _KEY_BYTES : (row + 1) * _KEY_BYTES], row)

    def __contains__(self, key: bytes) -> bool:
        return key in self._index

    def __len__(self) -> int:
        return len(self._index)

    def append(self, keys: Sequence[bytes], rows: NDArray[np.float32]) -> None:
        """Add rows (n, width) under their keys. Rows of existing keys are kept."""
        with self._lock:
            self.refresh()
            first_of = {key: index for index, key in reversed(list(enumerate(keys)))}
            fresh = sorted(index for key, index in first_of.items() if key not in self._index)
            if not fresh:
                return
            start = self._cut_to_whole_rows()
            with self._rows_file.open("ab") as file:
                file.write(rows[fresh].astype(np.float16).tobytes())
            with self._keys_file.open("ab") as file:
                file.write(b"".join(keys[index] for index in fresh))
            for offset, index in enumerate(fresh):
                self._index[keys[index]] = start + offset

    def rows_of(self, keys: Sequence[bytes]) -> Ints:
        """Return row numbers of keys, -1 for missing keys."""
        return np.array([self._index.get(key, -1) for key in keys], dtype=np.int64)

    def read(self, rows: Ints, columns: slice | None = None) -> NDArray[np.float32]:
        """Return rows as float32 (len(rows), columns). Only these rows are loaded into memory.

        Raises:
            IndexError: A row number is -1, which `rows_of` returns for missing keys.
        """
        if np.any(rows < 0):
            raise IndexError("row -1 stands for a missing key: compute the row before reading it")
        if not len(rows):
            return np.zeros((0, len(range(self.width)[columns or slice(None)])), dtype=np.float32)
        # Mapped only for this read: pages that stay mapped would count as our memory.
        count = self._rows_file.stat().st_size // (2 * self.width)
        table = np.memmap(self._rows_file, dtype=np.float16, mode="r", shape=(count, self.width))
        return table[rows, columns or slice(None)].astype(np.float32)

    def _cut_to_whole_rows(self) -> int:
        """Remove incomplete rows of an interrupted writer, and return the number of the next row."""
        keys = self._keys_file.stat().st_size // _KEY_BYTES if self._keys_file.exists() else 0
        held = self._rows_file.stat().st_size // (2 * self.width) if self._rows_file.exists() else 0
        count = min(keys, held)
        for path, size in ((self._rows_file, count * 2 * self.width), (self._keys_file, count * _KEY_BYTES)):
            if path.exists() and path.stat().st_size > size:
                os.truncate(path, size)
        return count
