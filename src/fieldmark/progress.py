"""One progress bar for everything that lasts: with time left on a terminal, silent elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["console", "progress_bar", "say", "track"]

T = TypeVar("T")

console = Console(stderr=True, highlight=False)
"""Everything meant for eyes goes to stderr; stdout belongs to the data."""


def say(message: str, *, style: str | None = None) -> None:
    """Print one line for the eyes."""
    console.print(message, style=style, markup=False, soft_wrap=True)


def progress_bar() -> Progress:
    """A rich progress display that shows nothing where stderr is no terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar.

    Args:
        items: What to iterate over.
        description: The words before the bar, such as ``reading photos``.
        total: How many there are, where `items` has no length.
    """
    with progress_bar() as bar:
        yield from bar.track(items, description=description, total=total)
