"""LanceDB: connections, names of places, and its errors as sentences."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from fieldmark.errors import ModelError

__all__ = ["LANCE", "STORES", "connect", "first_line", "quoted", "reading", "vector_index", "writing"]

LANCE = ".lance"
"""How the name of a table's folder ends."""

STORES = ("s3", "gs", "az")
"""Schemes of object storage that a table may lie in."""

_REASONS = ("No space left on device", "Read-only file system", "Permission denied")


def connect(place: str) -> Any:
    """Return the LanceDB database in a folder or at an address; a folder that does not exist is made."""
    os.environ.setdefault("LANCEDB_LOG", "error")  # it warns about every new table otherwise
    import lancedb

    return lancedb.connect(place)


@contextlib.contextmanager
def reading(place: str, what: str) -> Iterator[None]:
    """Raise a `ModelError` where a table turns out damaged.

    Args:
        place: Of the table.
        what: Name of the thing, such as "gallery".
    """
    try:
        yield
    except Exception as error:  # LanceDB and Arrow have several error classes for damaged files
        raise ModelError(
            f"the {what} at {place} is damaged ({first_line(error)}); copy it again or fit the model again"
        ) from error


@contextlib.contextmanager
def writing(place: str, what: str) -> Iterator[None]:
    """Raise a `ModelError` where a table cannot be written; see `reading`."""
    try:
        yield
    except (RuntimeError, OSError) as error:  # LanceDB's own words for a full or read-only disk
        reason = next((text for text in _REASONS if text in str(error)), first_line(error))
        raise ModelError(
            f"the {what} at {place} cannot be written ({reason}); make room there or name another place"
        ) from error


def vector_index(count: int) -> Any:
    """Return an index with inverted lists and one byte for each number; the best candidates are compared again.

    Product quantisation (`IvfPq`) took fifty times as long at 50,000 photos, because it runs a k-means for each part of
    the vectors, and had a lower recall (``benchmarks/README.md``).
    """
    from lancedb.index import IvfSq

    return IvfSq(distance_type="cosine", num_partitions=max(1, round(count**0.5)))


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, 120 characters at most."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
