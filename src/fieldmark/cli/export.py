"""``fieldmark export``: write a model as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.default_out import default_out

if TYPE_CHECKING:
    from fieldmark.export.export_onnx import ExportReport

__all__ = ["export"]


def export(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", "--output", help="The file to write, FILE.onnx; MODEL.onnx if left out.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantise the backbones and report the cost in accuracy.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Where the photos are that the model was made from, if they have moved.")
    ] = None,
) -> None:
    """Write one ONNX file that answers like the model, and compare the two on val photos."""
    from fieldmark.api import Recognizer
    from fieldmark.cli.first_question import say_first_question

    out = out or default_out(model, ".onnx")
    recognizer = Recognizer(model)
    say_first_question(recognizer, "the exported file")
    _print(recognizer.export(out, int8=int8, data=data), int8)


def _print(report: ExportReport, int8: bool) -> None:
    from fieldmark.progress import say

    parity = report.parity
    say(f"wrote {report.path}, {report.size / 1e6:.1f} MB: {', '.join(report.inputs)} -> {', '.join(report.outputs)}")
    if int8:
        say(
            f"top-1 on {parity.photos:,} val photos: {parity.top1_before:.1%} before, {parity.top1_after:.1%} in int8; "
            f"{parity.agreement:.1%} get the same class"
        )
    else:
        say(
            f"the same class on all {parity.photos:,} photos compared; logits differ by at most "
            f"{parity.difference:.1e} of the largest"
        )
    for name, licence in report.non_commercial.items():
        say(
            f"warning: the pretrained weights of {name} are under {licence}, which forbids commercial use of this "
            "file too"
        )
    say("the file holds no gallery: search and enroll need the model folder")
