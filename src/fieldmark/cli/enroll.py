"""``fieldmark enroll`` and ``unenroll``: add a class to a model from a few photos, or remove it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.group_option import AnswersOption, GroupNumberOption, named_photos

if TYPE_CHECKING:
    from fieldmark.recognizer.enroll import Enrolment

__all__ = ["enroll", "unenroll"]


def enroll(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    label: Annotated[str, typer.Option(help="Name of the new class.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH...", help="Photos of the new class, or folders of them.")
    ] = None,
    answers: AnswersOption = None,
    group: GroupNumberOption = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print what changed as one JSON object.")] = False,
) -> None:
    """Add a class to a model from one to five photos, without training."""
    from fieldmark.cli.first_question import say_first_question
    from fieldmark.recognizer.enroll import enroll as run
    from fieldmark.recognizer.predictor import Predictor

    photos = named_photos(paths, answers, group)
    if not photos:
        raise typer.BadParameter("enroll needs photos: give PATH, or --from ANSWERS and --group N")
    outcome = run(model, label, photos)
    if json_output:
        typer.echo(json.dumps(outcome.to_dict(), ensure_ascii=False))
    else:
        _print_outcome(outcome, model)
        say_first_question(Predictor(model), "the new class")


def unenroll(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    label: Annotated[str, typer.Option(help="Name of a class that was enrolled.")],
) -> None:
    """Remove an enrolled class; the answers are then those from before."""
    from fieldmark.progress import say
    from fieldmark.recognizer.enroll import unenroll as run

    run(model, label)
    say(f"removed '{label}' from {model}; its answers are those from before")


def _print_outcome(outcome: Enrolment, model: Path) -> None:
    from fieldmark.progress import say

    say(f"added '{outcome.label}' to {model} from {outcome.photos} photo(s)")
    if outcome.accuracy_before is not None and outcome.accuracy_after is not None:
        say(
            f"old classes on {outcome.val_photos} val photos: {outcome.accuracy_before:.1%} correct before, "
            f"{outcome.accuracy_after:.1%} after"
        )
    if outcome.taken:
        say("val photos now identified as it: " + _counts(outcome.taken))
    say("its photos are nearest to: " + _counts(outcome.nearest))
    if outcome.own_found is not None:
        say(f"leave-one-out: {outcome.own_found:.0%} of its photos are identified as it by the others")
    else:
        say("a class from one photo is often missed: three to five photos work best")


def _counts(counts: dict[str, int], limit: int = 5) -> str:
    return ", ".join(f"{label} ({count})" for label, count in list(counts.items())[:limit])
