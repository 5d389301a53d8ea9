"""``fieldmark predict``: identify photos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.data_options import FilesFromOption, PathColOption
from fieldmark.cli.device_option import DeviceOption
from fieldmark.cli.engine_options import CoresOption, EngineOption, check_engine

if TYPE_CHECKING:
    from fieldmark.api import Recognizer
    from fieldmark.catalogue.answer_rows import RowFormat
    from fieldmark.catalogue.sort_photos import PhotoSorter
    from fieldmark.structures import Box

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Photos, folders, a CSV with a photo in each row, or - for a list."),
    ] = None,
    files_from: FilesFromOption = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each photo to stdout.")
    ] = False,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print a CSV table to stdout.")] = False,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "--output",
            help="Write the answers to this new file: CSV, or JSON lines for .jsonl. With --engine ray: a folder, or a "
            "Lance table NAME.lance.",
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", "--top-k", help="Number of candidates in an answer.")] = 5,
    coverage: Annotated[float | None, typer.Option(help="Target coverage of the prediction sets, such as 0.9.")] = None,
    target_accuracy: Annotated[
        float | None, typer.Option(help="Target accuracy of the answers: they back off to genus, family … to meet it.")
    ] = None,
    confidence: Annotated[float | None, typer.Option(hidden=True)] = None,
    same_specimen: Annotated[
        bool, typer.Option("--same-specimen", help="Give one answer for all photos: they show one specimen.")
    ] = False,
    prior: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|estimate",
            help="How often each class occurs here: a CSV with columns class and weight, or learned from the photos.",
        ),
    ] = None,
    only: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answer only with the classes in this list or table.")
    ] = None,
    group_col: Annotated[
        str | None, typer.Option(help="The column of a table whose equal values name one specimen.")
    ] = None,
    by_folder: Annotated[bool, typer.Option("--by-folder", help="Give one answer for each folder of photos.")] = False,
    burst: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Give one answer for photos that one camera took within SECONDS of each other."
        ),
    ] = None,
    group_unknown: Annotated[
        bool, typer.Option("--group-unknown", help="Group the photos of none of the classes by likeness.")
    ] = False,
    box: Annotated[
        str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="Where the photo shows the object, in pixels.")
    ] = None,
    path_col: PathColOption = None,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Fetch photos that are named by a URL.")] = False,
    max_urls: Annotated[int, typer.Option(min=1, help="Most URLs in one run.")] = 1000,
    max_url_mb: Annotated[float, typer.Option(min=0.001, help="Largest photo to fetch, in MB.")] = 30.0,
    url_timeout: Annotated[float, typer.Option(min=0.1, help="Most seconds for fetching one photo.")] = 30.0,
    watch: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Answer photos as they arrive in this folder, until Ctrl-C.")
    ] = None,
    move_into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Move each photo into a folder for its answer in DIR.")
    ] = None,
    copy_into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy each photo into a folder for its answer in DIR.")
    ] = None,
    unsure_below: Annotated[
        float, typer.Option(help="Photos with a lower confidence are sorted into the folder _unsure.")
    ] = 0.5,
    engine: EngineOption = "local",
    cores: CoresOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Identify photos. Exits with 1 if some cannot be read."""
    from fieldmark.api import load
    from fieldmark.catalogue.answer_queries import AnswerLevels
    from fieldmark.catalogue.group_photos import group_by_burst, group_by_folder
    from fieldmark.catalogue.queries import group_queries, read_queries
    from fieldmark.data.photos.web_photo import WebLimits
    from fieldmark.errors import SettingError

    if json_output and csv_output:
        raise SettingError("--json and --csv exclude each other; leave one out")
    if move_into and copy_into:
        raise SettingError("--move-into and --copy-into exclude each other; leave one out")
    grouped = {"--same-specimen": same_specimen, "--group-col": group_col, "--by-folder": by_folder, "--burst": burst}
    ways = [name for name, value in grouped.items() if value not in (None, False)]
    if len(ways) > 1:
        raise SettingError(f"{' and '.join(ways)} exclude each other; give one of them")
    if ways and watch is not None:
        raise SettingError(f"--watch answers each photo by itself: leave out {ways[0]}")
    if group_unknown and (ways or watch is not None):
        raise SettingError(f"--group-unknown groups single photos: leave out {ways[0] if ways else '--watch'}")
    if ways and box is not None:
        raise SettingError(f"--box says where one photo shows the object; leave out --box or {ways[0]}")
    place = None if box is None else _box(box)
    # --confidence is the old name of --target-accuracy
    levels = AnswerLevels(top, coverage, confidence if target_accuracy is None else target_accuracy, place)
    names = _names(paths, files_from, watch)
    check_engine(engine, cores)
    if engine == "ray":
        from fieldmark.cli.predict_on_cluster import predict_on_cluster

        others = {
            **grouped,
            **{"--json": json_output, "--csv": csv_output, "--watch": watch, "--group-unknown": group_unknown},
            **{"--move-into": move_into, "--copy-into": copy_into, "--prior": prior, "--only": only},
            **{"--allow-urls": allow_urls, "--box": box},
        }
        if predict_on_cluster(model, names, out, levels, others, path_col=path_col, device=device, cores=cores):
            raise typer.Exit(1)
        return
    file = None if out is None else Path(out)
    form = _form(json_output, csv_output, file)
    limits = WebLimits(max_urls, max_url_mb, url_timeout)
    queries = read_queries(names, path_col=path_col, group_col=group_col, allow_urls=allow_urls, limits=limits)
    if by_folder:
        queries = group_by_folder(queries)
    if burst is not None:
        queries = group_by_burst(queries, burst)
    specimens = group_queries(queries, same=same_specimen) if names else None
    if specimens and place is not None:
        raise SettingError("--box says where one photo shows the object, but the table names specimens: leave it out")
    if watch is None and file is not None and file.exists():
        raise SettingError(f"--out {out} exists already and is not replaced: name a new file")
    recognizer = load(model, device=device)
    if prior is not None or only is not None:
        from fieldmark.cli.known_classes import under_known_classes

        recognizer = under_known_classes(recognizer, prior, only, queries)
    into = move_into or copy_into
    sorter = None if into is None else _sorter(into, recognizer, copy_into is not None, unsure_below, watch)
    if watch is not None:
        from fieldmark.cli.watch_photos import watch_photos

        failed = watch_photos(recognizer, watch, levels, form, file, sorter)
    else:
        from fieldmark.cli.answer_photos import answer_photos

        if group_unknown and specimens:
            raise SettingError("--group-unknown groups single photos, but the table names specimens: leave it out")
        failed = answer_photos(
            recognizer, specimens or queries, levels, form, file, sorter, group_unknown=group_unknown
        )
    if failed:
        raise typer.Exit(1)


def _box(text: str) -> Box:
    from fieldmark.errors import SettingError

    try:
        x1, y1, x2, y2 = (float(edge) for edge in text.split(","))
    except ValueError as error:
        raise SettingError(f"--box takes four numbers x1,y1,x2,y2 in pixels, but got {text!r}") from error
    if not (x1 < x2 and y1 < y2 and math.isfinite(x2 - x1) and math.isfinite(y2 - y1)):
        raise SettingError(f"--box takes x1,y1,x2,y2 with x1 below x2 and y1 below y2, but got {text!r}")
    return (x1, y1, x2, y2)


def _form(json_output: bool, csv_output: bool, out: Path | None) -> RowFormat | None:
    """Return the format of the rows; None to print for people."""
    if json_output or csv_output:
        return "json" if json_output else "csv"
    if out is None:
        return None
    return "json" if out.suffix.lower() in (".jsonl", ".ndjson", ".json") else "csv"


def _names(paths: Sequence[str] | None, files_from: str | None, watch: Path | None) -> list[str]:
    from fieldmark.catalogue.queries import read_list
    from fieldmark.errors import SettingError

    names = [*(paths or ()), *(read_list(files_from) if files_from else ())]
    if watch is not None and names:
        raise SettingError("--watch answers the photos of its folder: give no other path, or leave --watch out")
    if watch is None and not names:
        raise SettingError("expected photos to identify, but got none: give PATH, --files-from or --watch")
    return names


def _sorter(into: Path, recognizer: Recognizer, copy: bool, unsure_below: float, watch: Path | None) -> PhotoSorter:
    from fieldmark.catalogue.sort_photos import PhotoSorter
    from fieldmark.errors import SettingError

    if watch is not None and into.resolve().is_relative_to(watch.resolve()):
        raise SettingError(f"{into} lies inside the watched folder {watch}: name a folder outside of it")
    return PhotoSorter(into, recognizer.classes, copy=copy, unsure_below=unsure_below)
