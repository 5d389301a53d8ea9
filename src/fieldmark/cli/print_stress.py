"""The table of ``fieldmark evaluate --stress``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldmark.evaluation.stress import Stress

__all__ = ["print_stress"]


def print_stress(found: Stress) -> None:
    """Print top-1 at each strength of each change to stderr, the most harmful first."""
    from rich.table import Table

    from fieldmark.evaluation.stress import UNITS
    from fieldmark.progress import console, say

    say(f"\ntop-1 on {found.num_images:,} of these photos: {found.top1_accuracy:.1%}, after a change:")
    table = Table("change", "strength is", "strength: top-1", "mean drop", box=None, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    for name in sorted(found.changes, key=found.drop, reverse=True):
        levels = "  ".join(f"{level.strength:g}: {level.top1_accuracy:.0%}" for level in found.changes[name])
        table.add_row(name, UNITS[name], levels, f"{100 * found.drop(name):.1f}")
    console.print(table)
    say(f"mean drop over all changes: {100 * found.mean_drop:.1f} points")
    for name, reason in found.skipped.items():
        say(f"skipped: {name}: {reason}")
