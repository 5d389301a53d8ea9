"""What Fieldmark prints: log messages and progress bars on stderr, as much of them as `set_verbosity` allows."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Literal, TypeVar

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

from fieldmark.errors import unknown_name

__all__ = ["Verbosity", "console", "progress_bar", "say", "set_verbosity", "track", "verbosity"]

T = TypeVar("T")
Verbosity = Literal["debug", "info", "warning", "error"]
_LEVELS: dict[Verbosity, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_STYLES = {logging.DEBUG: "dim", logging.WARNING: "yellow", logging.ERROR: "red"}

logger = logging.getLogger(__name__)

console = Console(stderr=True, highlight=False)
"""Output for people goes to stderr; stdout is for data."""


class _ConsoleHandler(logging.Handler):
    """Print log records as plain lines that share the terminal with a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        style = getattr(record, "style", None) or _STYLES.get(record.levelno)
        console.print(self.format(record), style=style, markup=False, soft_wrap=True)


def set_verbosity(level: Verbosity) -> None:
    """Choose what Fieldmark prints to stderr.

    From Python, Fieldmark is quiet until this is called: only warnings appear, as `logging` prints them by default.
    The command line calls it with ``info``, with ``warning`` for ``-q`` and with ``debug`` for ``-v``.

    Args:
        level: ``debug`` adds timings, ``info`` shows progress bars and messages, ``warning`` only warnings,
            ``error`` nothing but errors.

    Raises:
        SettingError: There is no such level.
    """
    if level not in _LEVELS:
        raise unknown_name("verbosity", level, tuple(_LEVELS))
    root = logging.getLogger("fieldmark")
    if not any(isinstance(handler, _ConsoleHandler) for handler in root.handlers):
        root.addHandler(_ConsoleHandler())
    root.propagate = False  # otherwise a notebook whose root logger has a handler shows every line twice
    root.setLevel(_LEVELS[level])


def verbosity() -> Verbosity:
    """Return the level that `set_verbosity` was called with last, or the one that `logging` is configured for."""
    level = logging.getLogger("fieldmark").getEffectiveLevel()
    return next((name for name, number in _LEVELS.items() if level <= number), "error")


def say(message: str, *, style: str | None = None) -> None:
    """Log a message of the command line at `info`, in a style that rich knows."""
    logging.getLogger("fieldmark.cli").info(message, extra={"style": style})


def progress_bar() -> Progress:
    """Return a progress display. It shows nothing outside terminals and notebooks, or where `info` is not shown."""
    visible = (console.is_terminal or console.is_jupyter) and logger.isEnabledFor(logging.INFO)
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
        disable=not visible,
    )


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar, and log at `debug` how long it took.

    Args:
        items: What to iterate over.
        description: The words before the bar, such as ``reading photos``.
        total: Number of items, where `items` has no length.
    """
    started = time.monotonic()
    with progress_bar() as bar:
        yield from bar.track(items, description=description, total=total)
    logger.debug("%s: %.1f s", description, time.monotonic() - started)
