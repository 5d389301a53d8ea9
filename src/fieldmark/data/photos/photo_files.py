"""Which files are photos, how they are opened, and where below a folder they lie."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fieldmark.errors import PhotoError, printable

__all__ = [
    "IMAGE_EXTENSIONS",
    "PHOTO_ENDINGS",
    "SYSTEM_FOLDERS",
    "Folder",
    "PassedOver",
    "is_folder",
    "is_photo",
    "open_file",
    "photos_below",
    "scan",
    "unopened",
]

PHOTO_ENDINGS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf", ".jpc", ".j2c"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "HEIF": (".heic", ".heif", ".hif"),
}
"""Pillow's name of each format that is read -> the file endings that it uses, in lower case."""

IMAGE_EXTENSIONS = frozenset(ending for endings in PHOTO_ENDINGS.values() for ending in endings)
"""File endings that count as photos. Files with other endings are left out, and a line says so."""

SYSTEM_FOLDERS = frozenset(
    ("@eadir", "__macosx", ".ipynb_checkpoints", "#recycle", "$recycle.bin", "system volume information", "lost+found")
)
"""Folders that file systems and programs leave beside photos, in lower case."""

_OUTPUT_FILES = ("fieldmark.json", "run.json", "compare.json", "explain.json")
_MAX_DEPTH = 64
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A folder that was not read, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that holds photos, itself or further down.

    Attributes:
        path: The folder.
        photos: Names of the photos directly in it, sorted.
        folders: The folders below that hold photos, by name.
        others: Names of the files directly in it that are not photos. Hidden files do not count.
        without_photos: The folders directly in it that hold no photo at any depth.
        passed_over: The folders directly in it that were not read.
    """

    path: Path
    photos: tuple[str, ...] = ()
    folders: dict[str, Folder] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    without_photos: tuple[Folder, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


def is_photo(name: str) -> bool:
    """Whether a file name is that of a photo: an image's ending, and not hidden.

    >>> is_photo("IMG_1.JPG"), is_photo("._IMG_1.JPG"), is_photo("labels.csv")
    (True, False, False)
    """
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS  # noqa: PTH122


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder. Unlike `Path.is_dir`, no path is too long or too odd to ask about."""
    return os.path.isdir(path)  # noqa: PTH112


def open_file(path: Path) -> BinaryIO:
    """Open a regular file. Pipes, devices and sockets are refused, so that reading always ends.

    Raises:
        PhotoError: The file is missing, is not a regular file, or cannot be opened.
    """
    try:
        kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
        if kind is not None:
            raise PhotoError(f"{printable(path)} is {kind}, not a regular file: remove it or name another file")
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise unopened(path, error) from error


def unopened(path: Path, error: OSError | ValueError) -> PhotoError:
    """The error for a file that cannot even be opened."""
    if isinstance(error, FileNotFoundError):
        return PhotoError(f"{printable(path)} does not exist: correct its path or take it off the list")
    reason = error.strerror if isinstance(error, OSError) else error
    return PhotoError(f"{printable(path)} cannot be opened ({reason}): expected an image file that may be read")


def photos_below(folder: Path) -> list[Path]:
    """All photos in a folder and the folders below it, sorted, linked folders too."""

    def collect(part: Folder) -> list[Path]:
        below = [path for inner in part.folders.values() for path in collect(inner)]
        return [*(part.path / name for name in part.photos), *below]

    return sorted(collect(scan(folder)))


def scan(path: Path) -> Folder:
    """Everything below a folder that leads to photos.

    Links are followed, but each folder is visited once, so that a link to a parent ends. No file is opened.
    """
    return _scan(path, {_identity(path)}, 0)


def _scan(path: Path, visited: set[tuple[int, int]], depth: int) -> Folder:
    photos: list[str] = []
    others: list[str] = []
    below: list[tuple[bool, str]] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if _leads_to_folder(entry):
                below.append((entry.is_symlink(), entry.name))
            elif is_photo(entry.name):
                photos.append(entry.name)
            elif not entry.name.startswith("."):
                others.append(entry.name)
    folders: dict[str, Folder] = {}
    passed_over: list[PassedOver] = []
    for _, name in sorted(below):  # links last: a folder keeps its own name where both lead to it
        found = _enter(path / name, visited, depth)
        if isinstance(found, PassedOver):
            passed_over.append(found)
        elif found is not None:
            folders[name] = found
    kept = {name: folders[name] for name in sorted(folders) if folders[name].photos or folders[name].folders}
    without = tuple(folder for name, folder in sorted(folders.items()) if name not in kept)
    return Folder(path, tuple(sorted(photos)), kept, tuple(sorted(others)), without, tuple(passed_over))


def _enter(path: Path, visited: set[tuple[int, int]], depth: int) -> Folder | PassedOver | None:
    """What a folder holds, why it is passed over, or None where it is hidden."""
    if path.name.lower() in SYSTEM_FOLDERS:
        return PassedOver(path, "a folder of another program")
    if path.name.startswith("."):
        return None
    try:
        identity = _identity(path)
        if identity in visited:
            return PassedOver(path, "a link to a folder that was read already")
        if any((path / name).is_file() for name in _OUTPUT_FILES):
            return PassedOver(path, "an output of Fieldmark")
        if depth == _MAX_DEPTH:
            return PassedOver(path, f"deeper than {_MAX_DEPTH} folders")
        visited.add(identity)
        return _scan(path, visited, depth + 1)
    except OSError as error:
        return PassedOver(path, f"cannot be opened: {error.strerror}")


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False


def _identity(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_dev, facts.st_ino
