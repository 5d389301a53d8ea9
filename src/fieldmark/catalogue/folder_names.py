"""Names of folders for classes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

__all__ = ["folder_names"]

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f/\\:*?"<>|]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names of devices on Windows


def folder_names(classes: Sequence[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Return class -> a folder name that is valid on every system and differs from those of the other classes.

    Args:
        classes: Names of the classes.
        taken: Names that no folder gets.
    """
    used = {name.casefold() for name in taken}
    names: dict[str, str] = {}
    for label in classes:
        plain = _NOT_IN_NAMES.sub("_", label).strip(" .")[:100] or "_"
        plain = f"_{plain}" if _RESERVED.fullmatch(plain) else plain
        name, number = plain, 2
        while name.casefold() in used:
            name, number = f"{plain} ({number})", number + 1
        used.add(name.casefold())
        names[label] = name
    return names
