"""The names that people give to the three splits."""

from __future__ import annotations

from fieldmark.structures import Split

__all__ = ["split_named"]

_SYNONYMS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_named(name: str) -> Split | None:
    """The split that a folder or a CSV cell means, or None where the word means none.

    >>> split_named("Validation")
    'val'
    """
    return _SYNONYMS.get(name.strip().lower())
