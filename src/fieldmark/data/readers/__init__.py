"""Readers: one file for each layout. Here files on disk become records."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fieldmark.registry import Registry
from fieldmark.structures import RecordList

__all__ = ["READERS", "Reader", "register_reader"]

Read = TypeVar("Read", bound=Callable[..., RecordList])


@dataclass(frozen=True, slots=True)
class Reader:
    """A layout of files on disk.

    Attributes:
        about: One line on what it reads.
        recognises: Whether a folder or file has this layout, by the files that are there.
        read: The records in it.
    """

    about: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], RecordList]


READERS: Registry[Reader] = Registry("layout", "fieldmark.readers", package=__name__, lazy=False)
"""All readers by layout, in the order in which they are asked whether they recognise a folder."""


def register_reader(
    name: str, *, recognises: Callable[[Path], bool], before: str | None = "csv"
) -> Callable[[Read], Read]:
    """Decorator that registers the function that reads a layout.

    Args:
        name: Of the layout; for a plug-in also the name of its entry point.
        recognises: Whether a folder or file has this layout. It must be quick and open next to nothing.
        before: Layout that is asked after this one. A reader comes first if another one would accept its files too.
    """

    def add(read: Read) -> Read:
        about = sys.modules[read.__module__].__doc__ or ""
        READERS.register(name, before=before)(Reader(about.strip().partition("\n")[0], recognises, read))
        return read

    return add
