"""Outputs that appear whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fieldmark.errors import SettingError

__all__ = ["atomic_file", "atomic_folder", "require_empty"]


@contextlib.contextmanager
def atomic_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its place when the block ends well.

    What stood at `out` stays untouched until then; if the block fails, nothing has changed.
    """
    out = out.resolve()  # a link stays a link: what it points to is replaced
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        draft.chmod(0o755)
        yield draft
        _take_the_place(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def atomic_file(out: Path) -> Iterator[Path]:
    """A temporary file beside `out` that takes its place when the block ends well."""
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.part")
    try:
        yield draft
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


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
