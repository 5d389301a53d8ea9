"""``fieldmark evaluate``: measure a model on a split."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import typer

from fieldmark.cli.data_options import DropLabelOption, GroupColOption, LabelColOption, PathColOption
from fieldmark.cli.device_option import DeviceOption

if TYPE_CHECKING:
    from fieldmark.api import Recognizer
    from fieldmark.evaluation.result import Evaluation
    from fieldmark.structures import RecordList, Split

__all__ = ["evaluate", "print_evaluation"]


def evaluate(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    data: Annotated[Path | None, typer.Argument(help="A data set; the model's own if left out.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
    rows: Annotated[Path | None, typer.Option(help="CSV to write, one row for each photo.")] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="Target coverage of the prediction sets; the model's own if left out."),
    ] = None,
    target_accuracy: Annotated[
        float | None, typer.Option(help="Target accuracy of answers that back off to a rank.")
    ] = None,
    confidence: Annotated[float | None, typer.Option(hidden=True)] = None,
    retrieval: Annotated[
        bool, typer.Option("--retrieval", help="Measure retrieval instead, on unseen classes if the data have any.")
    ] = False,
    oracle: Annotated[
        str | None, typer.Option(help="Give a model of parts the true boxes: box (the object's) or parts (all).")
    ] = None,
    open_set: Annotated[bool, typer.Option("--open-set", help="Measure how well unseen classes are detected.")] = False,
    stress: Annotated[
        bool, typer.Option("--stress", help="Measure on shifted, rotated, blurred … photos too.")
    ] = False,
    stress_photos: Annotated[int, typer.Option(min=1, help="Number of photos for --stress.")] = 200,
    report: Annotated[Path | None, typer.Option(help="HTML page to write: figures, mistakes and every photo.")] = None,
    per_class: Annotated[
        Path | None, typer.Option(help="CSV to write, one row for each class: recall, precision, F1, sets, confusion.")
    ] = None,
    path_col: PathColOption = None,
    label_col: LabelColOption = None,
    group_col: GroupColOption = None,
    drop_label: DropLabelOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure a model on photos that it was not trained on. Exits with 1 if some cannot be read."""
    from fieldmark.api import load
    from fieldmark.atomic import require_place
    from fieldmark.cli.data_options import read_named
    from fieldmark.cli.print_open_set import open_set_and_print
    from fieldmark.cli.print_stress import print_stress
    from fieldmark.errors import SettingError, unknown_name
    from fieldmark.evaluation.stress import stress as measure_stress
    from fieldmark.progress import say
    from fieldmark.structures import Split

    if split not in get_args(Split):
        raise unknown_name("split", split, get_args(Split))
    if retrieval and (rows or stress):
        raise SettingError("--retrieval gives no answers for single photos: leave out --rows and --stress")
    if oracle is not None and oracle not in ("box", "parts"):
        raise unknown_name("oracle", oracle, ("box", "parts"))
    if oracle and (rows or stress or retrieval):
        raise SettingError("--oracle uses the true boxes: leave out --rows, --stress and --retrieval")
    if open_set and (rows or stress or retrieval or oracle):
        raise SettingError("--open-set measures unseen classes: leave out --rows, --stress, --retrieval and --oracle")
    if rows is not None:
        require_place(rows)
    if per_class is not None:
        _demand_answers("--per-class", retrieval, oracle, open_set and report is None)
        require_place(per_class)
    if report is not None:
        _demand_report(report, bool(retrieval or oracle))
    recognizer = load(model, device=device)
    photos = read_named(data, path_col, label_col, group_col, drop_label)
    if open_set and report is None:
        return open_set_and_print(recognizer, photos, cast(Split, split), json_output)
    if oracle:
        return _tell_truth(recognizer, photos, cast(Split, split), cast(Literal["box", "parts"], oracle), json_output)
    if retrieval:
        return _retrieve(recognizer, photos, cast(Split, split), json_output)
    accuracy = confidence if target_accuracy is None else target_accuracy  # --confidence is its old name
    evaluation = recognizer.evaluate(photos, split=cast(Split, split), coverage=coverage, target_accuracy=accuracy)
    if not json_output:
        print_evaluation(evaluation)
    for one in recognizer.further:
        if one.question not in evaluation.questions:
            say(f"question '{one.question}' is not measured: no {split} photo has a label for it that the model knows")
    for sentence in evaluation.missed_promises:
        say(sentence, style="red")
    if stress:
        found = measure_stress(recognizer, evaluation.records, limit=stress_photos)
        print_stress(found)
        evaluation = replace(evaluation, stress=found)
    if report is not None:
        evaluation = _write_report(report, evaluation, recognizer, photos, open_set)
    if json_output:
        typer.echo(json.dumps(evaluation.to_dict(), ensure_ascii=False))
    if per_class is not None:
        _write_classes(evaluation, recognizer, per_class)
    _write_rows(evaluation, recognizer, rows, _beside(model, split))
    for position, reason in sorted(evaluation.scores.errors.items()):
        say(f"not read: {evaluation.records[position].path}: {reason}")
    if evaluation.scores.errors:
        raise typer.Exit(1)


def _demand_answers(option: str, retrieval: bool, oracle: str | None, only_open_set: bool) -> None:
    from fieldmark.errors import SettingError

    if retrieval or oracle or only_open_set:
        raise SettingError(f"{option} needs answers for single photos: leave out --retrieval, --oracle and --open-set")


def _write_classes(evaluation: Evaluation, recognizer: Recognizer, out: Path) -> None:
    from fieldmark.evaluation.class_table import class_rows, write_class_table
    from fieldmark.progress import say

    write_class_table(class_rows(evaluation.predictions, recognizer.classes, evaluation.metrics), out)
    say(f"one row for each class: {out}")


def _demand_report(out: Path, without_answers: bool) -> None:
    from fieldmark.errors import SettingError
    from fieldmark.report.page import require_writable

    if without_answers:
        raise SettingError("--report shows answers for single photos: leave out --retrieval and --oracle")
    require_writable(out, "report.html")


def _write_report(
    out: Path, evaluation: Evaluation, recognizer: Recognizer, data: Path | RecordList | None, open_set: bool
) -> Evaluation:
    """Write the page; measure unknown classes for it first if `open_set` is set."""
    from fieldmark.cli.print_open_set import print_open_set
    from fieldmark.evaluation.open_set import evaluate_open_set
    from fieldmark.progress import say
    from fieldmark.report.evaluation import write_report

    if open_set:
        found = evaluate_open_set(recognizer, data, split=evaluation.split)
        print_open_set(found, evaluation.split)
        evaluation = replace(evaluation, open_set=found)
    write_report(evaluation, recognizer, out)
    say(f"report: {out}")
    return evaluation


def _tell_truth(
    recognizer: Recognizer,
    data: Path | RecordList | None,
    split: Split,
    use: Literal["box", "parts"],
    json_output: bool,
) -> None:
    from fieldmark.evaluation.evaluate import photos_of_split
    from fieldmark.evaluation.oracle import evaluate_with_annotations
    from fieldmark.progress import say

    records = photos_of_split(recognizer, data, split)
    found = evaluate_with_annotations(recognizer.folder, recognizer.manifest, records, use)
    if json_output:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        say(f"top-1 with true {use}: {found.metrics.top1_accuracy:.1%} of {found.metrics.num_images:,} {split} photos")
        say("found: " + ", ".join(f"{name} {share:.1%}" for name, share in found.pcp.items()))


def _retrieve(recognizer: Recognizer, data: Path | RecordList | None, split: Split, json_output: bool) -> None:
    from fieldmark.cli.print_retrieval import print_retrieval
    from fieldmark.evaluation.retrieve import evaluate_retrieval
    from fieldmark.progress import say

    found = evaluate_retrieval(recognizer, data, split=split)
    if json_output:
        typer.echo(json.dumps(found.to_dict()))
    else:
        print_retrieval(found, split)
    for position, reason in sorted(found.errors.items()):
        say(f"not read: {found.records[position].path}: {reason}")
    if found.errors:
        raise typer.Exit(1)


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the headline figures and the confused pairs to stderr."""
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.cli.print_trust import add_trust_rows
    from fieldmark.progress import console, say

    metrics = evaluation.metrics
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in evaluation.headline().items():
        table.add_row(name, value)
    add_trust_rows(table, metrics)
    console.print(table)
    if evaluation.seen_warning:
        say(f"warning: {evaluation.seen_warning}", style="yellow")
    pairs = Table("most confused", "", "photos", box=None, header_style="bold", pad_edge=False)
    for pair in metrics.confused_pairs[:5]:
        counts = f"{pair.first_as_second} (back {pair.second_as_first})"
        pairs.add_row(escape(pair.first), escape(f"taken for {pair.second}"), counts)
    if metrics.confused_pairs:
        console.print(pairs)
    for name, one in evaluation.questions.items():
        without = f" ({one.unlabelled:,} {one.split} photos have no label for it)" if one.unlabelled else ""
        say(f"question '{name}'{without}")
        print_evaluation(one)


def _write_rows(evaluation: Evaluation, recognizer: Recognizer, wanted: Path | None, beside: Path) -> None:
    """Write the CSV where it was asked for, or beside the model if that place can be written to."""
    from fieldmark.evaluation.evaluate import write_rows
    from fieldmark.progress import say

    try:
        write_rows(evaluation, recognizer.classes, wanted or beside)
    except OSError as error:
        if wanted is not None:
            raise
        say(f"no rows were written: {beside.parent}: {error.strerror or error}; name another place with --rows FILE")
    else:
        say(f"one row for each photo: {wanted or beside}")


def _beside(model: Path, split: str) -> Path:
    from fieldmark.artifact.hub_access import parse_hub_name

    hub = parse_hub_name(model)
    # A model of the Hub lies in a cache: the rows go into the working folder. "." has no name of its own.
    folder = model.resolve() if hub is None else Path.cwd() / Path(hub.repo).name
    return folder.with_name(f"{folder.name}.{split}.csv")
