"""``fieldmark demo``: every step once, on drawn pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option("--out", "--output", help="Folder to write.")] = Path("fieldmark-demo"),
    classes: Annotated[int, typer.Option(help="Number of species to draw.")] = 8,
    per_class: Annotated[int, typer.Option(help="Number of pictures of each species.")] = 60,
) -> None:
    """Draw a set of look-alikes, fit, evaluate and predict."""
    import shutil

    from fieldmark.api import fit
    from fieldmark.artifact.save import check_out
    from fieldmark.cli.evaluate import print_evaluation
    from fieldmark.evaluation.evaluate import write_rows
    from fieldmark.progress import say
    from fieldmark_synth import synthesize

    photos, model, rows = out / "photos", out / "model", out / "model.test.csv"
    check_out(model)
    if (photos / "field_marks.json").is_file():
        shutil.rmtree(photos)
    say(f"1. drawing {classes} species of look-alike birds into {photos}", style="bold")
    synthesize(photos, classes, per_class, "folder", 0, 256)
    say(f"2. fieldmark fit {photos} --out {model} --budget 60s", style="bold")
    recognizer = fit(photos, model, budget=60)
    say(f"3. fieldmark evaluate {model}", style="bold")
    evaluation = recognizer.evaluate()
    write_rows(evaluation, recognizer.classes, rows)
    print_evaluation(evaluation)
    photo = evaluation.records[0].path
    answer = recognizer.predict(photo)
    say(f"4. fieldmark predict {model} {photo}", style="bold")
    say(f"   {answer.label} ({answer.confidence:.0%})")
    say("open:", style="bold")
    for path, what in (
        (photos, "the pictures"),
        (model / "README.md", "the model card"),
        (rows, "one row for each test photo"),
    ):
        say(f"   {path}   {what}")
