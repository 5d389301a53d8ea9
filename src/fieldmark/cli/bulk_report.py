"""Say what a run on very many photos did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldmark.errors import counted
from fieldmark.progress import say

if TYPE_CHECKING:
    from fieldmark.scale.bulk import BulkReport

__all__ = ["say_bulk_report"]


def say_bulk_report(report: BulkReport, done: str, out: str) -> None:
    """Say how many photos a run answered or embedded, what is there now, and how many could not be read."""
    held = counted(report.parts, "file")
    there = report.earlier
    if report.is_table:
        held, there = counted(report.photos + report.earlier_photos, "row"), report.earlier_photos
    earlier = f"; {there:,} of them were there" if there else ""
    say(f"{done} {counted(report.photos, 'photo')}; {out} holds {held}{earlier}")
    if report.failed:
        say(f"{counted(report.failed, 'photo')} could not be read: see the column error")
