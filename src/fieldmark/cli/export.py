"""``fieldmark export``: write a model as one ONNX file, or as a folder that answers in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.default_out import default_out
from fieldmark.errors import SettingError

if TYPE_CHECKING:
    from fieldmark.export.export_onnx import ExportReport
    from fieldmark.export.export_web import WebExportReport
    from fieldmark.export.parity import Parity

__all__ = ["export"]


def export(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", "--output", help="The file to write, FILE.onnx; MODEL.onnx if left out.")
    ] = None,
    web: Annotated[
        Path | None,
        typer.Option(help="Write this folder instead: a page that answers in the browser, also without a network."),
    ] = None,
    ort_web: Annotated[
        Path | None,
        typer.Option(help="With --web: folder of the npm package onnxruntime-web; npm fetches it if left out."),
    ] = None,
    known_photos: Annotated[
        int | None, typer.Option(help="With --web: known photos to show as thumbnails, 1000 if left out; 0 for none.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantise the backbones and report the cost in accuracy.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Where the photos are that the model was made from, if they have moved.")
    ] = None,
) -> None:
    """Write one ONNX file, or a folder for the browser, that answers like the model; compare both on val photos."""
    from fieldmark.api import Recognizer
    from fieldmark.cli.first_question import say_first_question

    recognizer = Recognizer(model)
    if web is None:
        _refuse({"--ort-web": ort_web, "--known-photos": known_photos}, "needs --web")
        out = out or default_out(model, ".onnx")
        say_first_question(recognizer, "the exported file")
        _print_file(recognizer.export(out, int8=int8, data=data), int8)
    else:
        _refuse({"--out": out}, "and --web exclude each other; leave one out")
        known = {} if known_photos is None else {"known": known_photos}
        say_first_question(recognizer, "the exported page")
        _print_folder(recognizer.export_web(web, ort_web=ort_web, int8=int8, data=data, **known), int8)


def _refuse(given: dict[str, object], reason: str) -> None:
    for name, value in given.items():
        if value is not None:
            raise SettingError(f"{name} {reason}")


def _print_file(report: ExportReport, int8: bool) -> None:
    from fieldmark.progress import say

    say(f"wrote {report.path}, {report.size / 1e6:.1f} MB: {', '.join(report.inputs)} -> {', '.join(report.outputs)}")
    _print_parity(report.parity, int8)
    _print_licences(report.non_commercial, "file")
    say("the file holds no gallery: search and enroll need the model folder")


def _print_folder(report: WebExportReport, int8: bool) -> None:
    from fieldmark.progress import say

    say(f"wrote {report.path}, {report.size / 1e6:.1f} MB, which a browser downloads once")
    _print_parity(report.parity, int8)
    _print_licences(report.non_commercial, "page")
    say(f"known photos in the folder, for everybody who opens the page: {report.known:,} of {report.known_total:,}")
    if not report.explains:
        say("the page draws no evidence: a graph cannot compute that of this method")
    say(f"to try it here: python3 -m http.server --bind 127.0.0.1 --directory {report.path}")


def _print_parity(parity: Parity, int8: bool) -> None:
    from fieldmark.progress import say

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


def _print_licences(licences: dict[str, str], what: str) -> None:
    from fieldmark.progress import say

    for name, licence in licences.items():
        say(
            f"warning: the pretrained weights of {name} are under {licence}, which forbids commercial use of this "
            f"{what} too"
        )
