"""``fieldmark plan``: which answers to accept, review or reject, and what that costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fieldmark.evaluation.review_plan import ReviewPlan

__all__ = ["plan"]


def plan(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    cost_wrong: Annotated[float, typer.Option(help="Cost of an accepted answer that is wrong.")] = 5.0,
    cost_review: Annotated[float, typer.Option(help="Cost of a photo that a person looks at.")] = 1.0,
    cost_reject: Annotated[
        float | None, typer.Option(help="Cost of a photo without an answer; that of a wrong one if left out.")
    ] = None,
    candidates: Annotated[int, typer.Option(help="Number of candidates that the person sees.")] = 5,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
) -> None:
    """Choose from the calibration photos which answers to accept, review or reject at the lowest expected cost."""
    from fieldmark.api import load
    from fieldmark.cli.first_question import say_first_question
    from fieldmark.evaluation.review_plan import Costs

    costs = Costs(cost_wrong, cost_review, cost_wrong if cost_reject is None else cost_reject, candidates)
    recognizer = load(model)
    say_first_question(recognizer, "the plan")
    found = recognizer.plan(costs)
    if json_output:
        typer.echo(json.dumps(found.to_dict()))
    else:
        _print(found, model)


def _print(found: ReviewPlan, model: Path) -> None:
    from rich.table import Table

    from fieldmark.progress import console, say

    accept, reject = found.thresholds.accept, found.thresholds.reject
    table = Table("", "confidence", "share of photos", "95% CI", box=None, header_style="bold", pad_edge=False)
    ranges = (
        f"{accept:.3f} and above" if accept <= 1 else "none",
        f"{reject:.3f} to {accept:.3f}",
        f"below {reject:.3f}",
    )
    for name, text, share in zip(
        ("accept", "review", "reject"), ranges, (found.accepted, found.reviewed, found.rejected), strict=True
    ):
        if share.value:
            table.add_row(name, text, f"{share.value:.1%}", f"{100 * share.low:.1f}–{share.high:.1%}")
    console.print(table)
    if found.accuracy is not None:
        shown = found.accuracy
        say(f"of the accepted answers, {shown.value:.1%} are correct (95% CI {100 * shown.low:.1f}–{shown.high:.1%})")
    cost = found.cost
    say(f"expected cost of a photo: {cost.value:.3f} (95% CI {cost.low:.3f}–{cost.high:.3f})")
    say(f"  accept everything: {found.cost_accept_all:.3f}; review everything: {found.cost_review_all:.3f}")
    say(f"from {found.photos} calibration photos: it holds for photos like these", style="dim")
    if found.accepted.value:
        say(f"next: fieldmark predict {model} PHOTOS --move-into DIR --unsure-below {accept:.3f}")
