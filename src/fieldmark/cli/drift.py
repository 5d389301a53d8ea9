"""``fieldmark drift``: do new photos differ from the known ones?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.device_option import DeviceOption

if TYPE_CHECKING:
    from fieldmark.evaluation.drift import Drift

__all__ = ["drift"]

_EXAMPLES_SHOWN = 5
_WORDS = {
    "embedding": "what the photos look like",
    "confidence": "how confident the answers are",
    "classes": "how often each class is answered",
}


def drift(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="New photos, or folders of photos.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "--output", help="HTML page to write, with photos.")] = None,
    level: Annotated[float, typer.Option(help="Chance of a false alarm that is accepted.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Seed of the permutations.")] = 0,
    device: DeviceOption = "auto",
) -> None:
    """Compare new photos with the val photos of a model: embeddings, confidence and classes.

    Exits with 0 whether they differ or not, and with 1 if some photos cannot be read.
    """
    from fieldmark.api import load
    from fieldmark.cli.first_question import say_first_question
    from fieldmark.cli.photo_paths import photo_paths
    from fieldmark.progress import say
    from fieldmark.report.drift.drift_page import write_drift
    from fieldmark.report.page import require_writable

    if out is not None:
        require_writable(out, "drift.html")
    recognizer = load(model, device=device)
    say_first_question(recognizer, "drift")
    found = recognizer.drift(list(photo_paths(paths)), level=level, seed=seed)
    if json_output:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        _print(found)
    if out is not None:
        write_drift(found, recognizer, out)
        say(f"wrote {out}")
    for reason in found.errors.values():
        say(f"not read: {reason}")
    if found.errors:
        raise typer.Exit(1)


def _print(found: Drift) -> None:
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.progress import console, say

    verdict = "the new photos differ from the known ones" if found.found else "no difference was found"
    say(f"{verdict}: {found.new:,} new photos against {found.known:,} val photos", style="bold")
    tests = Table("", "statistic", "p", "corrected p", box=None, header_style="bold", pad_edge=False)
    for test in found.tests:
        tests.add_row(_WORDS[test.name], f"{test.statistic:.4f}", f"{test.p_value:.3g}", f"{test.adjusted:.3g}")
    console.print(tests)
    before, now = found.mean_confidence
    say(f"mean confidence: {before:.1%} before, {now:.1%} now")
    if found.unknown is not None and found.unknown_expected is not None:
        expected = f"{found.unknown_expected:.0%} expected"
        say(f"probably none of the classes: {found.unknown:.1%} of the new photos, {expected}")
    for shift in found.classes:
        if shift.adjusted <= found.level:
            say(f"{shift.label}: {shift.before:.1%} of the answers before, {shift.now:.1%} now")
    if found.found:
        say("most typical of what is new:")
        for photo in found.examples[:_EXAMPLES_SHOWN]:
            console.print(f"  {escape(photo.path)}  {escape(photo.label)} {photo.confidence:.0%}", soft_wrap=True)
