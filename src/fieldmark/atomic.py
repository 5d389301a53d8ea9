"""Outputs that appear whole or not at all, with the permissions that the umask asks for."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fieldmark.errors import SettingError

__all__ = ["Draft", "atomic_file", "atomic_folder", "draft_file", "require_empty", "sync"]

_DRAFT = ".part"
_STALE_SECONDS = 24 * 3600.0  # a draft this old belongs to a process that was killed


@contextlib.contextmanager
def atomic_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its place when the block ends well.

    What stood at `out` stays untouched until then; if the block fails, nothing has changed.
    """
    out = out.resolve()  # a link stays a link: what it points to is replaced
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(out)
    draft = _new_draft(out)
    draft.mkdir()
    try:
        yield draft
        _take_the_place(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def atomic_file(out: Path) -> Iterator[Path]:
    """A temporary file beside `out` that takes its place when the block ends well.

    Each call has its own draft: the last of two writers wins, and no mix of both appears.
    """
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(out)
    with draft_file(out) as draft:
        yield draft.path
        draft.publish(out)


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is being written.

    Attributes:
        path: Where it is.
        mode: Permissions of a new file here; some libraries set others.
    """

    path: Path
    mode: int

    def publish(self, out: Path) -> None:
        """Flush it to disk, and rename it to `out` in the same folder."""
        self.path.chmod(self.mode)
        sync(self.path)
        self.path.replace(out)
        sync(out.parent)


@contextlib.contextmanager
def draft_file(out: Path) -> Iterator[Draft]:
    """An empty file beside `out`, under a name of its own. It is deleted after the block unless it was published."""
    path = _new_draft(out)
    try:
        path.touch(exist_ok=False)
        yield Draft(path, path.stat().st_mode & 0o777)
    finally:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on disk."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_empty(out: Path) -> None:
    """Refuse a place that holds something, where nothing may be replaced.

    Raises:
        SettingError: `out` is a file, or a folder that is not empty.
    """
    if out.is_dir():
        entries = sum(1 for _ in out.iterdir())
        if entries:
            what = f"{entries} {'entry' if entries == 1 else 'entries'} in it"
            raise SettingError(f"expected a new or empty folder at {out}, found {what}: choose another folder")
    elif out.exists():
        raise SettingError(f"expected a new or empty folder at {out}, found a file: choose another folder")


def _take_the_place(draft: Path, out: Path) -> None:
    """Rename `draft` to `out`; what stood there goes, but comes back if the renaming fails."""
    previous = draft.with_name(draft.name + ".old")
    if out.exists():
        out.rename(previous)
    try:
        draft.rename(out)
    except BaseException:
        if previous.exists():
            previous.rename(out)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _new_draft(out: Path) -> Path:
    return out.with_name(f".{out.name}.{secrets.token_hex(6)}{_DRAFT}")


def _remove_stale(out: Path) -> None:
    """Remove drafts of `out` whose writers were killed long ago."""
    start, oldest = f".{out.name}.", time.time() - _STALE_SECONDS
    with os.scandir(out.parent) as entries:
        drafts = [entry for entry in entries if entry.name.startswith(start) and entry.name.endswith(_DRAFT)]
    for draft in drafts:
        with contextlib.suppress(OSError):  # another writer may have removed it
            if draft.stat().st_mtime < oldest:
                shutil.rmtree(draft.path) if draft.is_dir() else Path(draft.path).unlink()
