"""A review under way: what is still to be decided, and a file that holds every decision as soon as it is made."""

from __future__ import annotations

import csv
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fieldmark.atomic import atomic_file
from fieldmark.check.inspect_data import Inspection
from fieldmark.data.apply_decisions import change_of
from fieldmark.data.decisions import COLUMNS, Decision, Verdict, read_decisions, write_decisions
from fieldmark.data.label_names import checked_label, find_label
from fieldmark.data.relative_path import relative_path
from fieldmark.errors import SettingError
from fieldmark.review.items import Item, find_items
from fieldmark.review.nearest_photos import NearestPhotos, NearPhoto
from fieldmark.structures import RecordList

__all__ = ["CHOICES", "Choice", "ReviewProgress", "ReviewSession"]

Choice = Literal["keep", "relabel", "drop", "cannot tell", "keep only"]
CHOICES: tuple[Choice, ...] = ("keep", "relabel", "drop", "cannot tell", "keep only")
"""Answers to an item. ``keep only`` keeps one of its photos and drops the others."""

_Own = dict[str, dict[str, Decision]]
"""Path -> problem -> decision of this session, the newest last."""
_VERDICTS: dict[Choice, Verdict] = {
    "keep": "keep",
    "relabel": "relabel",
    "drop": "drop",
    "cannot tell": "cannot tell",
}


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """How far a review is.

    Attributes:
        total: Items that the review began with.
        left: Items that are still to be decided.
        decisions: Number of decisions in the file by verdict, from earlier reviews too.
        expected_wrong: Expected number of wrong labels among the suspects that are left.
    """

    total: int
    left: int
    decisions: dict[str, int]
    expected_wrong: float


class ReviewSession:
    """The items of a data set and the decisions about them. Several threads may use it.

    Args:
        found: What `inspect_data` found in records to which the decisions in the file were applied.
        file: The CSV of decisions. It is written after each decision; without one it is not created.

    Attributes:
        records: All photos, unreadable ones too; items name them by position.
        items: All items, the largest expected gain first.
    """

    def __init__(self, found: Inspection, file: Path) -> None:
        self.file = file
        self.records: RecordList = found.seen.everything
        self._found = found
        self.names = [relative_path(record.path, self.records.root) for record in self.records]
        self.items = find_items(found, self.names)
        self._near = NearestPhotos(found)
        self._by_key = {item.key: item for item in self.items}
        self._rows = {row.key: row for row in read_decisions(file)} if file.is_file() else {}
        self._own: _Own = {}
        self._history: list[tuple[Item, dict[tuple[str, str], Decision], _Own]] = []
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"ReviewSession({len(self.left())} of {len(self.items)} items left, {self.file})"

    def left(self) -> list[Item]:
        """Return the items that are still to be decided, the largest expected gain first."""
        with self._lock:
            return [item for item in self.items if not self._is_settled(item)]

    def progress(self) -> ReviewProgress:
        """Return how far the review is."""
        with self._lock:
            left = self.left()
            verdicts = Counter(str(row.verdict) for row in self._rows.values())
            wrong = sum(item.gain for item in left if item.problem == "label")
            return ReviewProgress(len(self.items), len(left), dict(verdicts), wrong)

    def item(self, key: str) -> Item:
        """Return an item by its key.

        Raises:
            SettingError: There is none.
        """
        if key not in self._by_key:
            raise SettingError(f"the review has no item '{key}': load the page again")
        return self._by_key[key]

    def label_of(self, photo: int) -> str:
        """Return the class of a photo, after the decisions of this session."""
        record = self.records[photo]
        change = self._change(photo)
        return (
            change.label if change is not None and change.verdict == "relabel" else self.records.classes[record.label]
        )

    def is_dropped(self, photo: int) -> bool:
        """Return whether a decision of this session drops a photo."""
        change = self._change(photo)
        return change is not None and change.verdict == "drop"

    @property
    def classes(self) -> list[str]:
        """All classes by name, with those that decisions of this session made."""
        new = (row.label for own in self._own.values() for row in own.values() if row.verdict == "relabel")
        return sorted({*self.records.classes, *new}, key=str.casefold)

    def decide(self, key: str, choice: Choice, *, label: str | None = None, photo: int | None = None) -> Item:
        """Decide about an item, and write the file.

        Args:
            key: Of the item.
            choice: One of `CHOICES`.
            label: The class for ``relabel``, a known or a new one.
            photo: For ``keep only`` the photo to keep.

        Returns:
            The item.

        Raises:
            SettingError: There is no such item or choice, or its label or photo is missing or not valid.
        """
        with self._lock:
            item = self.item(key)
            rows, own = dict(self._rows), dict(self._own)
            for row in self._decisions(item, choice, label, photo):
                rows.pop(row.key, None)  # the newest comes last
                rows[row.key] = row
                earlier = {problem: one for problem, one in own.get(row.path, {}).items() if problem != row.problem}
                own[row.path] = {**earlier, row.problem: row}
            write_decisions(self.file, rows.values())
            self._history.append((item, self._rows, self._own))
            self._rows, self._own = rows, own
            return item

    def undo(self) -> Item | None:
        """Take the last decision of this session back, write the file, and return its item; None without one."""
        with self._lock:
            if not self._history:
                return None
            item, rows, own = self._history[-1]
            write_decisions(self.file, rows.values())
            self._history.pop()
            self._rows, self._own = rows, own
            return item

    @property
    def can_undo(self) -> bool:
        return bool(self._history)

    def nearest(self, photo: int, label: str, count: int = 4) -> list[NearPhoto]:
        """Return the photos of a class that are nearest to a photo, without suspects and photos of the same moment.

        Empty where the review was made without embeddings.
        """
        suspects = {one for item in self.items if item.problem == "label" for one in item.photos}
        return self._near.find(photo, lambda other: other not in suspects and self.label_of(other) == label, count)

    def write_items(self, out: Path) -> int:
        """Write what is left as a CSV to fill in: the columns of the decisions, and item and gain. Return its rows.

        Raises:
            SettingError: The file exists already: it may hold decisions.
        """
        if out.exists():
            raise SettingError(f"{out} exists and may hold decisions: name another file")
        rows = list(self._open_rows())
        with atomic_file(out) as draft, draft.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow((*COLUMNS, "item", "gain"))
            for row, number, gain in rows:
                cells = (row.path, row.content, row.problem, "", "", row.given, row.suggested, row.reason)
                writer.writerow((*cells, number, f"{gain:.3f}"))
        return len(rows)

    def _open_rows(self) -> Iterator[tuple[Decision, int, float]]:
        """Yield a row to fill in for each photo of each item that is left, with the item's number and gain."""
        for number, item in enumerate(self.left(), start=1):
            suggested = item.suggestions[0].label if item.suggestions else ""
            for photo in item.photos:
                yield self._row(item, photo, None, "", suggested), number, item.gain

    def _decisions(self, item: Item, choice: Choice, label: str | None, photo: int | None) -> list[Decision]:
        photos = [one for one in item.photos if not self.is_dropped(one)] or list(item.photos)
        if choice == "keep only":
            if photo not in item.photos:
                raise SettingError(
                    f"'keep only' needs a photo of the item, but {photo} is none: choose one of its photos"
                )
            return [self._row(item, one, "keep" if one == photo else "drop") for one in photos]
        if choice not in _VERDICTS:
            raise SettingError(f"expected one of {', '.join(CHOICES)}, got '{choice}': choose one of them")
        if choice != "relabel":
            return [self._row(item, one, _VERDICTS[choice]) for one in photos]
        name = checked_label(label or "")
        name = find_label(name, self.classes) or name
        return [self._row(item, one, "keep" if self.label_of(one) == name else "relabel", name) for one in photos]

    def _row(
        self, item: Item, photo: int, verdict: Verdict | None, label: str = "", suggested: str | None = None
    ) -> Decision:
        if suggested is None:
            suggested = item.suggestions[0].label if item.suggestions else ""
        return Decision(
            path=self.names[photo],
            content=self._found.seen.facts[photo].content_key or "",
            problem=item.problem,
            verdict=verdict,
            label=label if verdict == "relabel" else "",
            given=self.label_of(photo),
            suggested=suggested,
            reason=item.reason,
        )

    def _own_rows(self, photo: int) -> list[Decision]:
        return list(self._own.get(self.names[photo], {}).values())

    def _change(self, photo: int) -> Decision | None:
        return change_of(self._own_rows(photo))

    def _is_settled(self, item: Item) -> bool:
        kept = [photo for photo in item.photos if not self.is_dropped(photo)]
        if item.problem == "duplicate" and len(kept) <= 1:
            return True
        return all(self._is_judged(photo, item) for photo in kept)

    def _is_judged(self, photo: int, item: Item) -> bool:
        rows = self._own_rows(photo)
        return any(
            row.problem == item.problem or (item.problem != "duplicate" and row.verdict == "relabel") for row in rows
        )
