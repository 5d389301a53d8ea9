"""Where the photos of a model are. A model says it without an absolute path; this computer remembers the place."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from fieldmark.artifact.manifest import DataFacts
from fieldmark.atomic import atomic_file
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.errors import without_surrogates

__all__ = ["find_data", "portable_path", "remember_data"]


def portable_path(place: Path, folder: Path) -> str:
    """Return a path relative to a folder, so that both can be moved together, with forward slashes.

    Only the name is returned where the path would lead through the home folder from outside, or to another drive: it
    would tell who made the model.
    """
    place, folder, home = (Path(os.path.realpath(each)) for each in (place, folder, Path.home()))
    if place.is_relative_to(home) and not folder.is_relative_to(home):
        return place.name
    try:
        return Path(os.path.relpath(place, folder)).as_posix()
    except ValueError:  # another drive
        return place.name


def remember_data(fingerprint: str, place: Path) -> None:
    """Note on this computer where the photos of a model are; without a note, the model's own path serves.

    A folder and a CSV file may list the same photos, so that their names belong to the note.
    """
    with contextlib.suppress(OSError):
        note = _note(fingerprint, Path(os.path.realpath(place)).name)
        note.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(note) as draft:
            draft.write_bytes(os.fsencode(place.absolute()))


def find_data(facts: DataFacts, folder: Path) -> Path:
    """Return the place of the photos that a model was made from; they may have gone.

    Args:
        facts: What the model says about them.
        folder: The model folder.
    """
    source = Path(facts.source)
    if source.is_absolute():  # models of old versions
        return source
    with contextlib.suppress(OSError, ValueError):
        noted = Path(os.fsdecode(_note(facts.fingerprint, source.name).read_bytes()))
        if noted.exists():
            return noted
    beside = folder / source
    return beside if facts.source and beside.exists() else source


def _note(fingerprint: str, name: str) -> Path:
    letters = "".join(letter for letter in fingerprint if letter.isalnum())
    named = hashlib.blake2b(without_surrogates(name).encode(), digest_size=8).hexdigest()
    return cache_root() / "data" / f"{letters}-{named}"
