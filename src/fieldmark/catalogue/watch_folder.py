"""Find the photos that arrive in a folder, once each and only when they are complete.

The folder is listed again and again. Notifications of the operating system would be quicker, but they do not exist for
most network drives, where cameras and shops put their photos.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fieldmark.data.photos.open_photo import content_key
from fieldmark.data.photos.photo_files import photos_below
from fieldmark.errors import DataError, PhotoError

__all__ = ["Arrival", "FolderWatch"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A photo that is ready.

    Attributes:
        path: The file.
        content: Its `content_key`.
        answered: Whether an earlier run answered it already.
        is_final: Whether it has been unchanged for so long that it will not become readable any more.
    """

    path: Path
    content: str
    answered: bool
    is_final: bool


@dataclass(slots=True)
class _File:
    """Size and time of a file, since when they are the same, and whether it was dealt with."""

    stamp: tuple[int, int]
    since: float
    done: bool = False


class FolderWatch:
    """The new photos of a folder and the folders below it.

    A photo is ready when its size and time have not changed for `settle` seconds. Hidden files and files without the
    ending of a photo are ignored, as programs write unfinished files under such names.

    Args:
        folder: The folder.
        answered: (path, content key) of photos that were answered before.
        settle: Seconds without a change after which a file counts as written.
        patience: Seconds without a change after which an unreadable file counts as damaged.
        clock: Seconds that never run backwards.

    Raises:
        DataError: There is no such folder.
    """

    def __init__(
        self,
        folder: Path,
        answered: Iterable[tuple[str, str]] = (),
        *,
        settle: float = 1.0,
        patience: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not folder.is_dir():
            raise DataError(f"expected a folder to watch, but there is none at {folder}")
        self.folder = folder
        self._settle, self._patience, self._clock = settle, patience, clock
        self._answered = set(answered)
        self._files: dict[Path, _File] = {}

    def ready(self) -> list[Arrival]:
        """List the folder, and return the photos that are ready and not done, sorted by path."""
        now, arrivals = self._clock(), []
        seen = {path: stamp for path in photos_below(self.folder) if (stamp := _stamp(path)) is not None}
        self._files = {path: file for path, file in self._files.items() if path in seen}
        for path, stamp in seen.items():
            file = self._files.get(path)
            if file is None or file.stamp != stamp:
                self._files[path] = _File(stamp, now)
            elif not file.done and now - file.since >= self._settle:
                try:
                    content = content_key(path)
                except PhotoError:  # it was taken away, or cannot be opened yet
                    continue
                answered = (str(path), content) in self._answered
                arrivals.append(Arrival(path, content, answered, now - file.since >= self._patience))
        return arrivals

    def done(self, arrival: Arrival) -> None:
        """Do not return this content of this file again."""
        self._answered.add((str(arrival.path), arrival.content))
        if arrival.path in self._files:
            self._files[arrival.path].done = True


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)  # noqa: PTH116 - a path of `photos_below`
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
