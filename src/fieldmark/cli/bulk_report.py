"""Say what a run on very many photos did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldmark.progress import say

if TYPE_CHECKING:
    from fieldmark.scale.bulk import BulkReport

__all__ = ["say_bulk_report"]


def say_bulk_report(report: BulkReport, done: str, out: str) -> None:
    """Say how many photos a run answered or embedded, what is there now, and how many could not be read."""
    held = _number(report.parts, "file")
    there = report.earlier
    if report.is_table:
        held, there = _number(report.photos + report.earlier_photos, "row"), report.earlier_photos
    earlier = f"; {there:,} of them were there" if there else ""
    say(f"{done} {_number(report.photos, 'photo')}; {out} holds {held}{earlier}")
    if report.failed:
        say(f"{_number(report.failed, 'photo')} could not be read: see the column error")


def _number(count: int, name: str) -> str:
    return f"{count:,} {name}" + ("" if count == 1 else "s")
