"""The photos that a person names on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["photo_paths"]


def photo_paths(paths: Sequence[Path]) -> Iterator[Path]:
    """Return files as they are named and the photos in folders. A named file need not look like a photo."""
    from fieldmark.data.photos.photo_files import is_folder, photos_below
    from fieldmark.errors import DataError

    for path in paths:
        if not is_folder(path):
            yield path
            continue
        found = photos_below(path)
        if not found:
            raise DataError(f"the folder {path} holds no photos; name a folder or a file with photos")
        yield from found
