"""The photos that a person names on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["photo_paths"]


def photo_paths(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they are named, folders by the photos in them; a named file need not look like a photo."""
    from fieldmark.data.read import is_photo
    from fieldmark.errors import DataError

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.rglob("*") if file.is_file() and is_photo(file.name))
        if not found:
            raise DataError(f"expected photos in the folder {path}, but it holds none")
        yield from found
