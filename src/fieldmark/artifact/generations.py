"""Change a model folder: new files first, then one rename of the manifest, all under the folder's lock.

``fieldmark.json`` is the only file that is replaced. Every other file is named by its content and never changes, so a
reader keeps what it opened, and a process that is killed leaves either the old generation or the new one. The
manifests of earlier generations stay in ``generations/``, for ``fieldmark rollback``.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePath

from fieldmark.artifact.card import write_card
from fieldmark.artifact.checksums import checksum
from fieldmark.artifact.gallery import GALLERY_FOLDER
from fieldmark.artifact.load import load_manifest, read_manifest
from fieldmark.artifact.manifest import MANIFEST, Manifest
from fieldmark.atomic import atomic_file, draft_file, sync
from fieldmark.data.feedback_photo import FEEDBACK_PHOTO_PATTERN
from fieldmark.errors import ModelError

__all__ = ["KEPT", "Change", "changing", "earlier_manifests", "is_unfinished"]

KEPT = 3
"""Number of earlier generations that `fieldmark rollback` can bring back."""

_LOCK, _HISTORY, _CARD, _NEW = ".lock", "generations", "README.md", "new"
_OWN = re.compile(
    r"(model|weights|memory|trust|split|enrolled|val_logits|heads)-[0-9a-f]{16}\.(onnx|safetensors|csv)"
    rf"|{FEEDBACK_PHOTO_PATTERN}"
    r"|(model|weights)-\d+\.(onnx|safetensors)|memory\.safetensors|trust\.safetensors|split\.csv"  # format 1
    r"|\..*\.part"
)


class Change:
    """A change of a model folder. Nothing of it is visible before `commit`.

    Args:
        folder: The model folder; the caller holds its lock.
        create: Whether there may be no model, or a damaged one, which the change replaces.

    Attributes:
        folder: The model folder.
        current: The newest manifest; None where there is none.
        checksums: Name -> blake2b of each file that was added.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self.current: Manifest | None = None
        with contextlib.suppress(*[ModelError] if create else []):
            self.current = load_manifest(folder)
        self.checksums: dict[str, str] = {}

    def add(self, name: str, write: Callable[[Path], object]) -> str:
        """Write a file and return its name, which is `name` with a hash of the content.

        Args:
            name: Such as ``model.onnx``.
            write: Fills the file at the path that it gets.
        """
        pattern = PurePath(name)
        with draft_file(self.folder / _NEW) as draft:
            write(draft.path)
            key = checksum(draft.path)
            final = f"{pattern.stem}-{key[:16]}{pattern.suffix}"
            draft.publish(self.folder / final)
        self.checksums[final] = key
        return final

    def commit(self, manifest: Manifest, change: str, *, amends: bool = False) -> Manifest:
        """Make `manifest` the newest generation, and return it with its number and time.

        Args:
            manifest: Its checksums name all files that it needs.
            change: What changed, for ``fieldmark versions``.
            amends: Whether the current generation is replaced rather than kept for ``fieldmark rollback``.
        """
        number = 1 + max([self.current.generation if self.current else 0, *_history(self.folder)])
        if self.current is not None and not amends:
            with atomic_file(_history_file(self.folder, self.current.generation)) as draft:
                shutil.copy2(self.folder / MANIFEST, draft)
        _sync_tree(self.folder / GALLERY_FOLDER)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        new = manifest.model_copy(update={"generation": number, "made": made, "change": change})
        with atomic_file(self.folder / MANIFEST) as draft:
            draft.write_text(new.model_dump_json(indent=1), encoding="utf-8")
        self.current = new
        with contextlib.suppress(OSError), atomic_file(self.folder / _CARD) as draft:  # only a printout of the manifest
            draft.write_text(write_card(new), encoding="utf-8", errors="backslashreplace")
        return new

    def clean_up(self) -> None:
        """Delete drafts, earlier generations beyond the kept ones, and files that no kept generation names."""
        current, history = self.current, _history(self.folder)
        if current is None:
            if not history and not (self.folder / MANIFEST).exists():
                _delete_files(self.folder, set())
                _remove_empty(self.folder)
            return
        earlier = {number: path for number, path in history.items() if number < current.generation}
        for path in set((self.folder / _HISTORY).glob("*")) - set(list(earlier.values())[-KEPT:]):
            path.unlink()
        manifests = [current]
        for path in list(earlier.values())[-KEPT:]:
            try:
                manifests.append(read_manifest(path.read_bytes()))
            except ValueError:
                return  # it may need any of the files
        _delete_files(self.folder, {name for manifest in manifests for name in manifest.checksums})
        _delete_tables(self.folder, {manifest.gallery.table for manifest in manifests if manifest.gallery})


@contextlib.contextmanager
def changing(folder: Path, *, create: bool = False) -> Iterator[Change]:
    """Hold the lock of a model folder, so that one process at a time changes it, and clean up afterwards.

    Args:
        folder: The model folder.
        create: Whether there may be no model yet.

    Raises:
        ModelError: There is no model, or its manifest cannot be read.
    """
    from filelock import FileLock

    if create:
        folder.mkdir(parents=True, exist_ok=True)
    else:
        load_manifest(folder)
    _refuse_links(folder)
    with FileLock(folder / _LOCK):
        change = Change(folder, create=create)
        try:
            yield change
        finally:
            change.clean_up()


def earlier_manifests(folder: Path, current: Manifest) -> dict[int, Manifest]:
    """Return the manifests of the kept earlier generations by their numbers, the oldest first."""
    found = {}
    for number, path in _history(folder).items():
        with contextlib.suppress(ValueError, OSError):  # a writer may just have deleted it
            manifest = read_manifest(path.read_bytes())
            found[number] = manifest.model_copy(update={"made": manifest.made or _modified(path)})
    return {number: manifest for number, manifest in found.items() if number < current.generation}


def is_unfinished(folder: Path) -> bool:
    """Return whether a folder holds nothing but the leftovers of a first fit that was killed while writing."""
    names = {path.name for path in folder.iterdir()}
    return _LOCK in names and all(name in (_LOCK, GALLERY_FOLDER) or _OWN.fullmatch(name) for name in names)


def _refuse_links(folder: Path) -> None:
    """Refuse to write through a link, since it would change files outside of the model."""
    places = [folder / _LOCK, folder / _HISTORY, folder / GALLERY_FOLDER]
    link = next((path for path in [*places, *(folder / GALLERY_FOLDER).rglob("*")] if path.is_symlink()), None)
    if link is not None:
        raise ModelError(f"the model {folder} cannot be changed: {link} is a link; replace it by what it leads to")


def _history_file(folder: Path, number: int) -> Path:
    return folder / _HISTORY / f"{number:04}.json"


def _history(folder: Path) -> dict[int, Path]:
    """Return number -> manifest of an earlier generation, the oldest first."""
    files = (folder / _HISTORY).glob("*.json")
    return dict(sorted((int(path.stem), path) for path in files if path.stem.isdecimal()))


def _modified(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _delete_files(folder: Path, named: set[str]) -> None:
    for path in folder.iterdir():
        if _OWN.fullmatch(path.name) and path.name not in named and path.is_file():
            path.unlink()


def _delete_tables(folder: Path, named: set[str]) -> None:
    for path in (folder / GALLERY_FOLDER).glob("*.lance"):
        if path.stem not in named:
            shutil.rmtree(path, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    """Remove what is left of a first fit that failed."""
    shutil.rmtree(folder / GALLERY_FOLDER, ignore_errors=True)
    if [path.name for path in folder.iterdir()] == [_LOCK]:
        (folder / _LOCK).unlink()
        folder.rmdir()


def _sync_tree(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")] if folder.is_dir() else []:
        sync(path)
