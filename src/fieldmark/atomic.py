"""Write files and folders atomically, with the permissions of the umask."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fieldmark.errors import SettingError, printable

__all__ = ["Draft", "atomic_file", "atomic_folder", "draft_file", "require_empty", "require_place", "sync"]

_DRAFT = ".part"
_STALE_SECONDS = 24 * 3600.0  # a draft this old belongs to a process that was killed


@contextlib.contextmanager
def atomic_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder next to `out` that replaces `out` when the block succeeds.

    Until then `out` is not changed. If the block fails, `out` stays as it was. On Linux and macOS an existing folder is
    exchanged in one step, so that a reader finds the old folder or the new one at any moment.
    """
    out = out.resolve()  # a link stays a link; its target is replaced
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(out)
    draft = _new_draft(out)
    draft.mkdir()
    try:
        yield draft
        for path in draft.rglob("*"):
            sync(path)
        _take_the_place(draft, out)
        sync(out.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def atomic_file(out: Path) -> Iterator[Path]:
    """Yield a temporary file next to `out` that replaces `out` when the block succeeds.

    Each call has its own draft: the last of two writers wins, and their contents never mix.
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
        path: Path of the draft.
        mode: Default permissions of a new file; some libraries set others.
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
    """Yield an empty file next to `out` with a unique name. It is deleted after the block unless it was published."""
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


def require_place(out: Path) -> None:
    """Check that something can be written at `out`, before the work that makes it.

    Args:
        out: A file or folder, which may be there already.

    Raises:
        SettingError: It has a name that the system does not allow, lies in no folder, or nothing may be written there.
    """
    try:
        absolute = Path(os.path.realpath(out))
        os.lstat(_new_draft(absolute) if absolute.name else absolute)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        raise SettingError(f"{printable(out)} cannot be written ({reason}): name another place") from error
    where = next(folder for folder in (absolute, *absolute.parents) if folder.exists())
    if where == absolute and where.is_file():
        where = where.parent
    if not where.is_dir():
        raise SettingError(f"{printable(out)} cannot be written ({where} is no folder): name another place")
    if not os.access(where, os.W_OK | os.X_OK):
        raise SettingError(f"{printable(out)} cannot be written ({where} is read-only): name another place")


def require_empty(out: Path) -> None:
    """Check that `out` is new or an empty folder, for outputs that must not replace anything.

    Raises:
        SettingError: `out` is a file, or a folder that is not empty, or nothing can be written there.
    """
    require_place(out)
    if out.is_dir():
        entries = sum(1 for _ in out.iterdir())
        if entries:
            what = f"{entries} {'entry' if entries == 1 else 'entries'}"
            raise SettingError(f"the folder {out} is not empty ({what}): choose a new or empty folder")
    elif out.exists():
        raise SettingError(f"{out} is a file: choose a new or empty folder")


def _take_the_place(draft: Path, out: Path) -> None:
    """Put `draft` in the place of `out`. If that fails, the old content of `out` is restored."""
    if out.exists() and _exchange(draft, out):
        return  # the draft's name now leads to the old content
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


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two entries of a folder in one step; False where the system or its disk cannot."""
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux; macOS has RENAME_SWAP = 2
    names, system = (os.fsencode(one), os.fsencode(other)), str(sys.platform)
    try:
        library = ctypes.CDLL(None)
        if system == "linux":
            return bool(library.renameat2(here, names[0], here, names[1], exchange) == 0)
        return bool(system == "darwin" and library.renamex_np(*names, exchange) == 0)
    except (AttributeError, OSError, TypeError):  # an old C library, or Windows
        return False


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
