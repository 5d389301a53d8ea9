"""``fieldmark evaluate --open-set``: print how well unseen classes are detected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from fieldmark.api import Recognizer
    from fieldmark.evaluation.open_set import OpenSet
    from fieldmark.structures import RecordList, Split

__all__ = ["open_set_and_print", "print_open_set"]


def open_set_and_print(recognizer: Recognizer, data: Path | RecordList | None, split: Split, json_output: bool) -> None:
    """Measure and print. Exits with 1 if photos cannot be read."""
    from fieldmark.evaluation.open_set import evaluate_open_set
    from fieldmark.progress import say

    found = evaluate_open_set(recognizer, data, split=split)
    if json_output:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        print_open_set(found, split)
    for path, reason in found.errors.items():
        say(f"not read: {path}: {reason}")
    if found.errors:
        raise typer.Exit(1)


def print_open_set(found: OpenSet, split: str) -> None:
    """Print the headline and a line for each score to stderr."""
    from rich.table import Table

    from fieldmark.progress import console, say

    say(f"{found.num_known:,} known and {found.num_unknown:,} unknown {split} photos")
    say(f"known photos accepted: {found.known_kept:.1%}; unknown photos detected: {found.unknown_found:.1%}")
    table = Table("score", "AUROC", "FPR at 95%", "OSCR", box=None, header_style="bold", pad_edge=False)
    for name, one in found.scores.items():
        shown = f"{name} (the model's)" if name == found.score else name
        table.add_row(shown, f"{one.auroc:.3f}", f"{one.fpr_at_95:.3f}", f"{one.oscr:.3f}")
    console.print(table)
