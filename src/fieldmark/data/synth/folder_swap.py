"""A folder that appears whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fieldmark.errors import SettingError

__all__ = ["whole_folder"]


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its name once the block has ended without an error.

    Args:
        out: The folder to appear; it may exist if it is empty.

    Raises:
        SettingError: `out` is a file or holds something already.
    """
    _refuse_used(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}.partial")
    draft.mkdir()
    try:
        yield draft
        if out.is_dir():
            out.rmdir()
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_used(out: Path) -> None:
    if out.is_dir():
        entries = sum(1 for _ in out.iterdir())
        if entries:
            what = f"{entries} {'entry' if entries == 1 else 'entries'} in it"
            raise SettingError(f"expected a new or empty folder at {out}, found {what}: choose another folder")
    elif out.exists():
        raise SettingError(f"expected a new or empty folder at {out}, found a file: choose another folder")
