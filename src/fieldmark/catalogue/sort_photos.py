"""Sort photos into a folder for each answer, without ever overwriting a file, and put them back."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fieldmark.atomic import atomic_file, draft_file, sync
from fieldmark.catalogue.folder_names import folder_names
from fieldmark.errors import DataError, SettingError
from fieldmark.recognizer.answer import Answer

logger = logging.getLogger(__name__)

__all__ = ["MOVES_FILE", "UNKNOWN_FOLDER", "UNSURE_FOLDER", "PhotoSorter", "UndoneMoves", "undo_moves"]

MOVES_FILE = "fieldmark-moves.jsonl"
"""Log in the sorted folder: one line for each photo, written before the photo moves."""

UNKNOWN_FOLDER, UNSURE_FOLDER = "_unknown", "_unsure"


class PhotoSorter:
    """Moves or copies each photo into the folder of its answer.

    Photos of none of the classes go to `UNKNOWN_FOLDER`. Photos whose most probable class is not certain enough, or
    whose answer backs off from the class, go to `UNSURE_FOLDER`. Unreadable photos stay where they are.

    Args:
        into: Folder of the folders.
        classes: Names of the classes.
        copy: Copy the photos instead of moving them.
        unsure_below: Smallest confidence of an answer that counts as certain.

    Raises:
        SettingError: `into` is a file, or the confidence does not lie between 0 and 1.
    """

    def __init__(self, into: Path, classes: Sequence[str], *, copy: bool = False, unsure_below: float = 0.5) -> None:
        if not 0 <= unsure_below <= 1:
            raise SettingError(f"--unsure-below must lie between 0 and 1, but is {unsure_below:g}")
        if into.exists() and not into.is_dir():
            raise SettingError(f"{into} is a file: name a folder to sort the photos into")
        self.into, self.copy, self._unsure_below = into, copy, unsure_below
        self._folders = folder_names(classes, taken=(UNKNOWN_FOLDER, UNSURE_FOLDER, MOVES_FILE))

    def folder_of(self, answer: Answer) -> str | None:
        """Return the name of the folder for an answer; None if the photo cannot be read."""
        if answer.error is not None or answer.label is None or answer.confidence is None:
            return None
        if answer.unknown:
            return UNKNOWN_FOLDER
        if answer.rank != "class" or answer.confidence < self._unsure_below:
            return UNSURE_FOLDER
        return self._folders[answer.label]

    def claim(self, photo: Path, answer: Answer) -> Path | None:
        """Reserve a free name in the folder of the answer by an empty file, and log the move that will come.

        Returns:
            The place for the photo; None if it stays where it is.
        """
        name = self.folder_of(answer)
        if name is None:
            return None
        folder = self.into / name
        folder.mkdir(parents=True, exist_ok=True)
        place = _claim_free_name(folder, photo.name)
        entry = {"from": str(photo.absolute()), "to": str(place.absolute()), "copied": self.copy}
        with (self.into / MOVES_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
            log.flush()
            os.fsync(log.fileno())
        return place

    def place(self, photo: Path, claimed: Path) -> None:
        """Put the photo at the name that `claim` reserved. If somebody took the photo away, the name is free again."""
        try:
            _copy(photo, claimed) if self.copy else _move(photo, claimed)
        except FileNotFoundError:
            claimed.unlink(missing_ok=True)
            logger.warning(f"{photo} was answered but not sorted: it is no longer there")

    def place_again(self, photo: Path, claimed: Path) -> None:
        """Finish what a killed process logged but may not have done: a claim that is still empty gets its photo."""
        if claimed.is_file() and claimed.stat().st_size == 0:
            self.place(photo, claimed)


@dataclass(slots=True)
class UndoneMoves:
    """What `undo_moves` did.

    Attributes:
        restored: Number of photos that are back in their old places.
        kept: Place of a photo -> why it stays there.
    """

    restored: int = 0
    kept: dict[str, str] = field(default_factory=dict)


def undo_moves(folder: Path) -> UndoneMoves:
    """Move the photos of a sorted folder back to where they came from, the last one first.

    Copies stay. A photo stays too if something else lies at its old place. The log keeps the photos that stay.

    Raises:
        DataError: The folder has no log, or it cannot be read.
    """
    log = folder / MOVES_FILE
    if not log.is_file():
        raise DataError(f"expected a folder that 'predict --move-into' sorted, but {folder} holds no {MOVES_FILE}")
    entries = list(_read_log(log))
    undone, kept = UndoneMoves(), []
    for entry in reversed(entries):
        reason = _undo(Path(entry["from"]), Path(entry["to"]), copied=bool(entry["copied"]))
        if reason is not None:
            kept.append(entry)
            undone.kept[entry["to"]] = reason
        elif not entry["copied"]:
            undone.restored += 1
    with atomic_file(log) as draft:
        draft.write_text("".join(json.dumps(entry) + "\n" for entry in reversed(kept)), encoding="utf-8")
    for entry in entries:
        _remove_if_empty(Path(entry["to"]).parent, folder)
    if not kept:
        log.unlink()
    return undone


def _read_log(log: Path) -> Iterator[dict[str, str]]:
    for number, line in enumerate(log.read_text(encoding="utf-8").split("\n"), start=1):
        if not line:
            continue
        try:
            entry = json.loads(line)
            yield {name: entry[name] for name in ("from", "to", "copied")}
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"expected an entry in line {number} of {log}, found '{line[:40]}': mend the line"
            ) from None


def _undo(source: Path, place: Path, *, copied: bool) -> str | None:
    """Undo one entry; return why that is not possible."""
    if copied:
        return None
    if not place.exists():
        return None if source.exists() else "it is no longer there"
    if source.exists():
        if place.stat().st_size == 0:  # the claim of a move that never happened
            place.unlink()
            return None
        return f"another file lies at {source}"
    try:
        source.parent.mkdir(parents=True, exist_ok=True)
        source.touch(exist_ok=False)
        _move(place, source)
    except OSError as error:
        return f"{source} cannot be written ({error.strerror or error})"
    return None


def _claim_free_name(folder: Path, name: str) -> Path:
    """Create an empty file with the name, or with a number behind it, that did not exist before."""
    stem, suffix, number = Path(name).stem, Path(name).suffix, 1
    while True:
        path = folder / (name if number == 1 else f"{stem} ({number}){suffix}")
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return path


def _move(photo: Path, claimed: Path) -> None:
    try:
        photo.replace(claimed)
    except OSError as error:
        if error.errno != errno.EXDEV:  # the folder lies on another disk
            raise
        _copy(photo, claimed)
        photo.unlink()
    sync(claimed.parent)


def _copy(photo: Path, claimed: Path) -> None:
    with draft_file(claimed) as draft:
        shutil.copy2(photo, draft.path)
        sync(draft.path)
        draft.path.replace(claimed)
    sync(claimed.parent)


def _remove_if_empty(folder: Path, root: Path) -> None:
    if folder.parent.absolute() == root.absolute() and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
