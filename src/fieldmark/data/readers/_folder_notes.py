"""What a walk over class folders left out: files with other endings, emptied classes, folders that are not classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fieldmark.data.photos.photo_files import Folder, PassedOver
from fieldmark.structures import Note

__all__ = ["folder_notes", "is_unlabelled"]

_UNLABELLED = ("_unlabeled", "_unlabelled")


def is_unlabelled(name: str) -> bool:
    """Whether a folder is named as one for photos without labels."""
    return name.lower() in _UNLABELLED


def folder_notes(top: Folder) -> Iterator[Note]:
    """Notes on everything below a folder that did not become a photo of a class.

    Files directly in `top` do not count: lists and licences lie there.
    """
    others = [path for folder in _below(top) for path in folder.others]
    empty = sorted(folder.path for folder in _without_photos(top) if not is_unlabelled(folder.path.name))
    if others:
        endings = Counter(Path(name).suffix.lower() or "no ending" for name in others)
        listed = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common())
        noun = "file that is not a photo was" if len(others) == 1 else "files that are not photos were"
        message = f"{len(others):,} {noun} left out: {listed}"
        yield Note("other_files", "note", message, len(others), "export them as JPEG if they show anything")
    if empty:
        noun = "folder holds" if len(empty) == 1 else "folders hold"
        names = tuple(str(path.relative_to(top.path)) for path in empty)
        message = f"{len(empty):,} {noun} no photo and became no class: {', '.join(names)}"
        yield Note("folders_without_photos", "warning", message, len(empty), "add photos, or remove the folders", names)
    passed_over = sorted(_passed_over(top), key=lambda found: found.path)
    if passed_over:
        names = tuple(f"{found.path.relative_to(top.path)}: {found.reason}" for found in passed_over)
        noun = "folder was" if len(passed_over) == 1 else "folders were"
        listed = ", ".join(str(found.path.relative_to(top.path)) for found in passed_over)
        message = f"{len(passed_over):,} {noun} passed over: {listed}"
        action = "no action needed; rename a folder that is a class"
        yield Note("passed_over", "note", message, len(passed_over), action, names)


def _below(folder: Folder) -> Iterator[Folder]:
    """All folders below, with and without photos, except those for photos without labels."""
    for inner in (*folder.folders.values(), *folder.without_photos):
        if not is_unlabelled(inner.path.name):
            yield inner
            yield from _below(inner)


def _without_photos(folder: Folder) -> Iterator[Folder]:
    yield from folder.without_photos
    for inner in folder.folders.values():
        yield from _without_photos(inner)


def _passed_over(folder: Folder) -> Iterator[PassedOver]:
    yield from folder.passed_over
    for name, inner in folder.folders.items():
        if is_unlabelled(name):
            yield PassedOver(inner.path, "photos without labels")
        else:
            yield from _passed_over(inner)
