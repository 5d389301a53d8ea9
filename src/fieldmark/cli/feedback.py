"""``fieldmark feedback``: the corrections of a model's answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.group_option import AnswersOption, GroupNumberOption, named_photos

if TYPE_CHECKING:
    from fieldmark.recognizer.feedback import Feedback

__all__ = ["feedback"]


def feedback(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH...]", help="Photos to correct, or folders of them.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The correct class of the photos; it may be a new one.")] = None,
    answers: AnswersOption = None,
    group: GroupNumberOption = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the list as JSON to stdout.")] = False,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print the list as CSV to stdout.")] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the photos in class folders, and a CSV, to a new folder.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Remove the correction with this id; may be repeated.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all corrections.")] = False,
) -> None:
    """List, add, export or remove corrections of a model's answers; fit --feedback trains on them."""
    from fieldmark.errors import SettingError

    photos = named_photos(paths, answers, group)
    if bool(photos) != (label is not None):
        raise SettingError("a correction needs photos and their class: give PATH and --label, or neither")
    wanted = {
        "PATH": bool(photos),
        "--json": json_output,
        "--csv": csv_output,
        "--export": export is not None,
        "--remove": bool(remove),
        "--clear": clear,
    }
    chosen = [name for name, is_given in wanted.items() if is_given]
    if len(chosen) > 1:
        raise SettingError(f"{' and '.join(chosen)} exclude each other; give one of them")
    if photos and label is not None:
        _add(model, photos, label)
    elif export is not None:
        _export(model, export)
    elif remove or clear:
        _remove(model, remove)
    else:
        _print(model, json_output, csv_output)


def _add(model: Path, photos: Sequence[Path], label: str) -> None:
    from fieldmark.api import load
    from fieldmark.errors import PhotoError
    from fieldmark.progress import console, say
    from fieldmark.recognizer.feedback import correct

    recognizer, failed, count = load(model), 0, 0
    for photo in photos:
        try:
            made = correct(recognizer, photo, label)
        except PhotoError as error:
            failed += 1
            console.print(f"not read: {error}", style="red", markup=False, soft_wrap=True)
        else:
            count += 1
            say(f"{photo}: '{made.label}', not '{made.answer}'" if made.label != made.answer else f"{photo}: confirmed")
    say(f"added {count} to the feedback list of {model}; to train on it: fieldmark fit DATA --feedback {model}")
    if failed:
        raise typer.Exit(1)


def _export(model: Path, out: Path) -> None:
    from fieldmark.catalogue.export_feedback import FEEDBACK_TABLE, export_feedback
    from fieldmark.progress import say

    count = export_feedback(model, out)
    say(f"wrote {count} photo{'' if count == 1 else 's'} and {FEEDBACK_TABLE} to {out}")


def _remove(model: Path, ids: list[str] | None) -> None:
    from fieldmark.progress import say
    from fieldmark.recognizer.feedback import remove_feedback

    removed = remove_feedback(model, ids or None)
    say(f"removed {len(removed)} correction{'' if len(removed) == 1 else 's'} from {model}")


def _print(model: Path, as_json: bool, as_csv: bool) -> None:
    from fieldmark.catalogue.export_feedback import feedback_rows
    from fieldmark.recognizer.feedback import list_feedback

    listed = list_feedback(model)
    if as_json:
        typer.echo(json.dumps([one.to_dict() for one in listed], ensure_ascii=False))
    elif as_csv:
        typer.echo(feedback_rows(listed, [str(model / one.photo) for one in listed]), nl=False)
    else:
        _print_table(listed, model)


def _print_table(listed: Sequence[Feedback], model: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.progress import console, say

    if not listed:
        say(f"the feedback list of {model} is empty")
        return
    table = Table("id", "photo", "answer", "correct", "made (UTC)", "", box=None, header_style="bold", pad_edge=False)
    for name in ("photo", "answer", "correct"):
        next(column for column in table.columns if column.header == name).overflow = "fold"
    for one in listed:
        notes = ", ".join(word for word, holds in (("new class", one.new_class), ("trained", one.trained)) if holds)
        answer = "none of the classes" if one.unknown else f"{one.answer} {one.probability:.0%}"
        made = one.made.replace("T", " ")[:16]
        table.add_row(one.id[:8], escape(one.name or "–"), escape(answer), escape(one.label), made, notes)
    console.print(table)
