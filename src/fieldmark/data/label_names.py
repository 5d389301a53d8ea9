"""Names of classes as people see them: two names that look equal are equal, and every name can be shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from fieldmark.errors import SettingError, without_surrogates

__all__ = ["MAX_LENGTH", "checked_label", "find_label", "fold_name"]

MAX_LENGTH = 200
"""Longest name of a class that can be enrolled, in characters."""

_SPACE = re.compile("[\x00-\x1f\x7f-\x9f\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = re.compile(f"[\u00ad\u180e\u200b-\u200d\u2060-\u2064\ufeff{_BIDI}]")
_REORDERS = re.compile(f"[{_BIDI}]")
_UNSHOWN = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
"""Control, format, surrogate, unassigned, private use, line and paragraph separators."""


def fold_name(name: str) -> str:
    """The name in composed Unicode (NFC), with plain spaces, without invisible characters and blanks around it.

    Control characters, such as a line break inside a cell of a table, become spaces. Bytes of a folder's name that are
    not UTF-8 become escapes.

    >>> fold_name(" Cafe\u0301\u00a0\u200bau lait ")
    'Café au lait'
    """
    return _SPACE.sub(
        " ", _INVISIBLE.sub("", unicodedata.normalize("NFC", without_surrogates(name)))
    ).strip() or without_surrogates(name)


def checked_label(name: str) -> str:
    """Return the folded name of a class that is to be enrolled.

    Raises:
        SettingError: The name is empty or too long, or has a character that no screen shows or that reorders text.
    """
    trimmed = name.strip()
    for char in trimmed:
        is_folded = _INVISIBLE.match(char) and not _REORDERS.match(char)
        if unicodedata.category(char) in _UNSHOWN and not is_folded:
            raise SettingError(
                f"the name {trimmed[:40]!a} has the character U+{ord(char):04X}, which cannot be shown; "
                "give the name without it"
            )
    folded = fold_name(trimmed)
    if not _INVISIBLE.sub("", folded).strip():
        raise SettingError("expected a name for the new class, but it is empty; give one with --label")
    if len(folded) > MAX_LENGTH:
        raise SettingError(f"the name has {len(folded)} characters, but the limit is {MAX_LENGTH}; give a shorter one")
    return folded


def find_label(name: str, labels: Iterable[str]) -> str | None:
    """Return the label that a name means: the same one, or else one that looks the same; None if there is none.

    >>> find_label("Cafe\u0301 ", ["Tea", "Café"])
    'Café'
    """
    known = list(labels)
    if name in known:
        return name
    return next((label for label in known if fold_name(label) == fold_name(name)), None)
