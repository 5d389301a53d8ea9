"""Notes that people wrote into a guide: the file that the page saves, and how notes of several people are joined."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from fieldmark.errors import DataError

__all__ = ["join_notes", "read_notes"]

MAX_BYTES = 5_000_000
"""Largest file of notes that is read."""


def read_notes(path: Path) -> dict[str, str]:
    """Return class -> note of a file that the page of a guide saved: ``{"notes": {"crow": "look at the beak"}}``.

    Raises:
        DataError: The file cannot be read, or holds no notes.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _wrong(path, f"has more than {MAX_BYTES:,} bytes, too many for notes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _wrong(path, "is no JSON") from None
    notes = content.get("notes") if isinstance(content, dict) else None
    if not isinstance(notes, dict) or not all(isinstance(text, str) for text in notes.values()):
        raise _wrong(path, 'holds no notes of the form {"notes": {"class": "text"}}')
    return {name: text.strip() for name, text in notes.items() if text.strip()}


def join_notes(several: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return class -> note: texts of one class stand below each other, and none stands there twice.

    The page joins notes by the same rule when it adds a file.
    """
    joined: dict[str, str] = {}
    for notes in several:
        for name, text in notes.items():
            before = joined.get(name, "")
            if text in before:
                continue
            joined[name] = text if before in text else f"{before}\n{text}"
    return joined


def _wrong(path: Path, reason: str) -> DataError:
    return DataError(f"{path} {reason}; name a file that a guide saved")
