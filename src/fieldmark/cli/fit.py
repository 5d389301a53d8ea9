"""``fieldmark fit``: photos in, recognizer out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.data_options import DecisionsOption, DropLabelOption, GroupColOption, LabelColOption, PathColOption
from fieldmark.cli.default_out import default_out

if TYPE_CHECKING:
    from fieldmark.artifact.manifest import Manifest
    from fieldmark.uncertainty.guarantees import GuaranteeFacts

__all__ = ["fit"]


def fit(
    data: Annotated[Path | None, typer.Argument(help="A folder of class folders, a CSV, or a known data set.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "--output", help="The model folder to write; DATA-model if left out.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="One of the methods below; auto by default.")] = None,
    backbone: Annotated[str | None, typer.Option(help="Any timm model; lite0 and lite2 need no internet.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side in pixels that the network sees.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training photos.")] = None,
    budget: Annotated[str | None, typer.Option(help="Time that may be spent, such as 90s, 10m or 1h30m.")] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Train on these classes only: a range such as 0:25, or names with commas."),
    ] = None,
    path_col: PathColOption = None,
    label_col: LabelColOption = None,
    group_col: GroupColOption = None,
    drop_label: DropLabelOption = None,
    decisions: DecisionsOption = None,
    feedback: Annotated[
        list[Path] | None,
        typer.Option(metavar="MODEL", help="Train on the corrections of this model, too; may be repeated."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same numbers.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting, as key=value; see fieldmark settings METHOD.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="What trains the network: auto, cpu, cuda or mps; auto takes a GPU.")
    ] = None,
    devices: Annotated[int | None, typer.Option(help="Devices of this machine that train together.")] = None,
    nodes: Annotated[
        int | None, typer.Option(help="Machines that train together; give the same command on each of them.")
    ] = None,
    logger: Annotated[
        str | None, typer.Option(help="Log each epoch's loss: csv, tensorboard, wandb or mlflow.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted fine-tune.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Take one step and print its memory and time; needs no photos.")
    ] = False,
) -> None:
    """Turn a folder of labelled photos into a recognizer."""
    import time

    from fieldmark.api import fit as run
    from fieldmark.cli.data_options import read_named
    from fieldmark.fit import run_folder
    from fieldmark.progress import say

    started = time.monotonic()
    options = {
        "backbone": backbone,
        "image_size": image_size,
        "epochs": epochs,
        "budget": budget,
        "classes": classes,
        "seed": seed,
        "device": device,
        "devices": devices,
        "nodes": nodes,
        "logger": logger,
    }
    if dry_run:
        from fieldmark.cli.print_dry_run import try_one_step

        try_one_step(
            read_named(data, path_col, label_col, group_col, drop_label, decisions),
            method,
            options,
            recipe,
            overrides or (),
        )
        return
    if data is None:
        raise typer.BadParameter("fit needs DATA; only --dry-run does without")
    out = out or default_out(data, "-model")
    try:
        photos = read_named(data, path_col, label_col, group_col, drop_label, decisions)
        assert photos is not None
        recognizer = run(
            photos,
            out,
            method=method,
            recipe=recipe,
            resume=resume,
            overrides=overrides or (),
            feedback=feedback or (),
            **options,
        )
    except KeyboardInterrupt:
        if run_folder(out).is_dir():
            say("to continue where it stopped, give the same command again with --resume")
        raise
    say(f"wrote {out} after {time.monotonic() - started:.0f} s{_accuracy(recognizer.manifest)}")
    say(f"prediction sets: {_sets(recognizer.manifest.guarantees)}")
    for one in recognizer.further:
        say(f"question '{one.question}'{_accuracy(one.manifest)}")
        say(f"  prediction sets: {_sets(one.manifest.guarantees)}")
    for line in recognizer.manifest.advice:
        say(f"advice: {line}")
    if recognizer.manifest.data.photos.get("test"):
        say(f"next: fieldmark evaluate {out}   or   fieldmark predict {out} PHOTO...")
    else:
        say("no test photos: the accuracy on new photos is not measured")
        say(f"next: fieldmark predict {out} PHOTO...")


def _accuracy(manifest: Manifest) -> str:
    """Say how many photos the model gets right among those that it did not learn from, and the mean over classes."""
    figures, data = manifest.figures, manifest.data
    folds, val = figures.get("out_of_fold_top1"), figures.get("val_top1")
    if "val" in data.learned and folds is not None:
        by_class = _by_class(figures.get("out_of_fold_mean_class"))
        return f"; {folds:.1%} correct in cross-validation on {data.num_learned:,} photos{by_class}"
    by_class = _by_class(figures.get("val_mean_class"))
    return "" if val is None else f"; {val:.1%} correct on the {data.photos['val']} val photos{by_class}"


def _by_class(accuracy: float | None) -> str:
    return "" if accuracy is None else f", mean class accuracy {accuracy:.1%}"


def _sets(facts: GuaranteeFacts | None) -> str:
    """Say what the sets promise, and how much of that is chance."""
    from fieldmark.uncertainty.conformal import coverage_band, photos_needed

    if facts is None:
        return "none"
    band = coverage_band(facts.band_photos, facts.coverage)
    if band is None:
        needed = photos_needed(facts.coverage)
        return f"none at {facts.coverage:.0%}, which needs {needed} calibration photos; there are {facts.photos}"
    why = f" ({facts.contradiction})" if facts.contradiction else ""
    return (
        f"{facts.coverage:.0%} coverage from {facts.photos_in_words}{why}; "
        f"chance alone puts the true coverage between {band[0]:.0%} and {band[1]:.0%}"
    )
