"""Group the unknown photos among the answers of ``fieldmark predict``, and print the groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fieldmark.catalogue.queries import Query, Specimen

if TYPE_CHECKING:
    from pathlib import Path

    from fieldmark.api import Recognizer
    from fieldmark.catalogue.unknown_groups import UnknownGroup
    from fieldmark.recognizer.answer import Answer

__all__ = ["GROUP_NOTES", "GroupedAnswers"]

GROUP_NOTES = ("unknown_group", "unknown_nearest", "unknown_parent")
"""Columns and JSON fields of the group of an unknown photo."""


class GroupedAnswers:
    """Passes answers on when all of them are there and the unknown photos among them are grouped.

    Args:
        recognizer: The model.

    Raises:
        SettingError: The model does not detect unknown photos.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        from fieldmark.catalogue.unknown_groups import require_unknowns

        require_unknowns(recognizer)
        self._recognizer = recognizer
        self._group_of: dict[int, UnknownGroup | None] = {}

    def of(self, answered: Iterator[tuple[Query | Specimen, Answer]]) -> Iterator[tuple[Query | Specimen, Answer]]:
        """Yield the pairs again."""
        from fieldmark.catalogue.unknown_groups import group_unknown

        pairs = list(answered)
        unknown = [one for one, answer in pairs if answer.unknown and isinstance(one, Query)]
        photos = [one.photo for one in unknown if one.photo is not None]
        found = group_unknown(self._recognizer, photos)
        self._group_of = {id(one): group for one, group in zip(unknown, found, strict=True)}
        yield from pairs

    def notes(self, one: Query | Specimen) -> dict[str, int | str | None]:
        """Return the values of `GROUP_NOTES` for a query."""
        group = self._group_of.get(id(one))
        values = (None, None, None) if group is None else (group.number, group.nearest, group.parent or None)
        return dict(zip(GROUP_NOTES, values, strict=True))

    def print_table(self, out: Path | None) -> None:
        """Print the groups to stderr, and how to add one as a class.

        Args:
            out: File with the answers.
        """
        from rich.markup import escape
        from rich.table import Table

        from fieldmark.progress import console, say

        groups, unknown = Counter(filter(None, self._group_of.values())), len(self._group_of)
        if not groups:
            say(f"{unknown} unknown photo{'' if unknown == 1 else 's'}, none like another")
            return
        table = Table("group", "photos", "nearest class", "its parent", box=None, header_style="bold", pad_edge=False)
        for group in sorted(groups, key=lambda one: one.number):
            parent = f"{group.parent} ({group.rank})" if group.parent else "–"
            table.add_row(str(group.number), str(group.photos), escape(group.nearest), escape(parent))
        console.print(table)
        alone = unknown - groups.total()
        say(f"{unknown} unknown photos: {len(groups)} groups, and {alone} like no other")
        if out is not None:
            model = self._recognizer.path
            say(f"to add a group as a class: fieldmark enroll {model} --label NAME --from {out} --group 1")
