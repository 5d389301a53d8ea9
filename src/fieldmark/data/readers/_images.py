"""Which files are photos, and where below a folder they lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["IMAGE_EXTENSIONS", "Folder", "is_photo", "scan"]

IMAGE_EXTENSIONS = frozenset(
    (
        *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg"),
        *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    )
)
"""File endings that count as photos, in lower case. Files with other endings are passed over."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that holds photos, itself or further down.

    Attributes:
        path: The folder.
        photos: Names of the photos directly in it, sorted.
        folders: The folders below that hold photos, by name.
    """

    path: Path
    photos: tuple[str, ...]
    folders: dict[str, Folder]


def is_photo(name: str) -> bool:
    """Whether a file name is that of a photo: an image's ending, and not hidden.

    >>> is_photo("IMG_1.JPG"), is_photo("._IMG_1.JPG"), is_photo("labels.csv")
    (True, False, False)
    """
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS  # noqa: PTH122


def scan(path: Path) -> Folder:
    """Everything below a folder that leads to photos; each folder is listed once and no file is opened."""
    photos: list[str] = []
    below: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir():
                below.append(entry.name)
            elif is_photo(entry.name):
                photos.append(entry.name)
    folders = {name: scan(path / name) for name in sorted(below) if not name.startswith(".")}
    kept = {name: folder for name, folder in folders.items() if folder.photos or folder.folders}
    return Folder(path, tuple(sorted(photos)), kept)
