"""``fieldmark explain``: show where in a photo the evidence lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.default_out import default_out

__all__ = ["explain"]


def explain(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    image: Annotated[Path, typer.Argument(help="A photo.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "--output", help="Folder for the pictures and explain.json; IMAGE-explained if left out."
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="CLASS", help="Compare the winner with this class; the runner-up if left out.")
    ] = None,
    question: Annotated[
        str | None, typer.Option(help="Explain the answer to this question; the first one if left out.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print explain.json to stdout too.")] = False,
) -> None:
    """Show where in a photo the evidence for the answer lies, and how it compares with another class."""
    from fieldmark.api import Recognizer
    from fieldmark.explain.write_explanation import check_explanation_folder, write_evidence
    from fieldmark.progress import say
    from fieldmark.recognizer.inputs import to_image

    out = out or default_out(image, "-explained")
    check_explanation_folder(out)
    found = Recognizer(model).explain(image, against, question=question)
    files = write_evidence(found, to_image(image), out)
    x1, y1, x2, y2 = (round(edge) for edge in found.box)
    say(f"{found.label} rather than {found.against}: the strongest evidence lies in x {x1}-{x2}, y {y1}-{y2}")
    say(f"  {found.how}")
    say(f"  {', '.join(str(file) for file in files)}")
    if json_output:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
