"""Group photos into specimens by their folder, or by the camera and the time in their EXIF."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from fieldmark.catalogue.queries import Query
from fieldmark.data.photos.capture import Capture, read_capture
from fieldmark.errors import SettingError
from fieldmark.progress import track

__all__ = ["group_by_burst", "group_by_folder"]

_THREADS = 16


def group_by_folder(queries: Sequence[Query]) -> list[Query]:
    """Return the queries, each with its folder as the group. A photo without a folder is a group of its own.

    Raises:
        SettingError: The queries name groups already.
    """
    _require_no_groups(queries, "--by-folder")
    return [replace(one, group=str(one.photo.parent) if isinstance(one.photo, Path) else one.name) for one in queries]


def group_by_burst(queries: Sequence[Query], seconds: float) -> list[Query]:
    """Return the queries with a group for each burst.

    A burst is a series of photos by one camera in which each was taken at most `seconds` after the one before. A photo
    without a time in its EXIF is a group of its own. The name of a burst is the time of its first photo and the camera.

    Args:
        queries: The photos.
        seconds: Longest pause inside a burst.

    Raises:
        SettingError: The queries name groups already, or `seconds` is not positive.
    """
    _require_no_groups(queries, "--burst")
    if not seconds > 0:
        raise SettingError(f"--burst must be a number of seconds above 0, but is {seconds:g}")
    names = _burst_names(_captures(queries), timedelta(seconds=seconds))
    return [replace(one, group=names.get(position, one.name)) for position, one in enumerate(queries)]


def _captures(queries: Sequence[Query]) -> dict[int, Capture]:
    """Return position -> when and by what the photo was taken, for photos that say so."""
    files = {position: one.photo for position, one in enumerate(queries) if isinstance(one.photo, Path)}
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(track(pool.map(read_capture, files.values()), "reading times", total=len(files)))
    return {position: one for position, one in zip(files, found, strict=True) if one is not None}


def _burst_names(captures: dict[int, Capture], pause: timedelta) -> dict[int, str]:
    order = sorted(captures, key=lambda position: (_camera(captures[position]), captures[position].time, position))
    names: dict[int, str] = {}
    taken: set[str] = set()
    before: Capture | None = None
    name = ""
    for position in order:
        capture = captures[position]
        if before is None or _camera(before) != _camera(capture) or capture.time - before.time > pause:
            name = _unused(f"{capture.time.isoformat(' ', 'seconds')} {capture.camera}".strip(), taken)
            taken.add(name)
        names[position], before = name, capture
    return names


def _camera(capture: Capture) -> tuple[str, str]:
    return capture.camera, capture.serial


def _unused(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it where two cameras of one model began in the same second."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _require_no_groups(queries: Sequence[Query], option: str) -> None:
    if any(one.group is not None for one in queries):
        raise SettingError(f"a table with a column 'group' names the specimens itself: leave out {option}")
