"""Checksums of the files of a model."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["checksum"]


def checksum(path: Path) -> str:
    """Return the blake2b hash of a file's content, 32 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
