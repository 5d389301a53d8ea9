"""From what a table calls a photo to the file: a path, a bare name, or an id without ending."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fieldmark.data.photos.photo_files import is_photo, photos_below
from fieldmark.errors import DataError

__all__ = ["find_photos"]

_SAMPLE = 20


def find_photos(table: Path, names: Sequence[str]) -> list[Path]:
    """The file of each photo that a table names.

    Paths are relative to the table's folder. Where none of the first ones is there, or names lack the ending, the
    photos below that folder are looked through by name.

    Raises:
        DataError: Several photos have the name.
    """
    folder = table.parent
    paths = [folder / name.replace("\\", "/") for name in names]
    if all(is_photo(path.name) for path in paths) and any(map(os.path.isfile, paths[:_SAMPLE])):
        return paths
    index: dict[str, list[Path]] = {}
    for photo in photos_below(folder) if folder.is_dir() else ():
        for key in (photo.name, photo.stem):
            index.setdefault(key, []).append(photo)
    return [_choose(path, index.get(path.name, []), table) for path in paths]


def _choose(path: Path, found: Sequence[Path], table: Path) -> Path:
    if len(found) <= 1:
        return found[0] if found else path
    for fits in (
        [photo for photo in found if photo.with_suffix("") == path or photo == path],
        [photo for photo in found if _word(photo.relative_to(table.parent).parts[0]) == _word(table.stem)],
    ):
        if len(fits) == 1:
            return fits[0]
    raise DataError(
        f"expected one photo for '{path.name}' of {table}, found {found[0]} and {found[1]}: write its whole path"
    )


def _word(name: str) -> str:
    """The first word of a name: ``train`` for ``train_images``."""
    return name.lower().replace("-", "_").partition("_")[0]
