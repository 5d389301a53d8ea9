"""``fieldmark fit``: a model or one sentence, never half a model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fieldmark import load
from fieldmark.uncertainty.conformal import coverage_band

Command = Callable[..., Any]
INTERRUPTED = "fieldmark: interrupted; no half-written files were left"


def _photo(path: Path, colour: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), colour).save(path)


def test_photos_in_and_a_recognizer_out(command: Command, birds: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    options = ("--method", "linear_probe", "--image-size", 96, "--seed", 3, "--set", "folds=2", "--set", "test_views=1")
    done = command("fit", birds, "--out", out, *options)
    assert (done.code, done.out) == (0, "")
    assert f"wrote {out}" in done.err.replace("\n", "")
    facts = load(out).manifest.guarantees
    assert facts is not None
    learned = sum(row.split in ("train", "val") for row in load(out).split())
    band = coverage_band(learned, 0.9)
    assert band is not None
    assert facts.photos == learned
    assert (
        f"prediction sets: 90% coverage from {learned} photos in cross-validation; chance alone puts the true coverage "
        f"between {band[0]:.0%} and {band[1]:.0%}"
    ) in done.err
    assert f"correct in cross-validation on {learned} photos" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    settings = load(out).manifest.settings
    assert (settings["seed"], settings["folds"], settings["image_size"], settings["test_views"]) == (3, 2, 96, 1)


def test_a_recipe(command: Command, birds: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('method = "linear_probe"\nimage_size = 96\nseed = 2\npoolings = ["gem"]\n')
    assert command("fit", birds, "--out", tmp_path / "model", "--recipe", recipe, "--seed", 4).code == 0
    settings = load(tmp_path / "model").manifest.settings
    assert (settings["method"], settings["seed"], settings["poolings"]) == ("linear_probe", 4, ["gem"])


def test_an_older_model_is_replaced(command: Command, birds: Path, model_copy: Path) -> None:
    done = command("fit", birds, "--out", model_copy, "--method", "linear_probe", "--image-size", 96, "--seed", 7)
    assert done.code == 0
    assert load(model_copy).manifest.settings["seed"] == 7
    assert [path.name for path in model_copy.parent.iterdir()] == ["model"]


WRONG_OPTIONS: dict[str, tuple[list[str], str]] = {
    "method": (["--method", "fine_tun"], "unknown method 'fine_tun': did you mean 'fine_tune'?"),
    "backbone": (
        ["--method", "linear_probe", "--backbone", "resnet5O"],
        "unknown backbone 'resnet5O': did you mean 'resnet50",
    ),
    "setting": (["--set", "sed=1"], "unknown setting of auto 'sed': did you mean 'seed'?"),
    "no value": (["--set", "seed"], "--set takes key=value, but got 'seed'"),
    "wrong value": (["--set", "seed=x"], "setting 'seed' of auto: input should be a valid integer"),
    "budget": (["--budget", "soon"], "a duration looks like 90s, 10m or 1h30m, but got 'soon'"),
    "empty budget": (["--budget", ""], "a duration looks like 90s, 10m or 1h30m, but got ''"),
    "image size": (["--image-size", "7"], "setting 'image_size' of auto: input should be greater than or equal to 32"),
    "recipe": (["--recipe", "none.toml"], "the recipe none.toml is not a file: give a TOML file with settings"),
}


@pytest.mark.parametrize("mistake", WRONG_OPTIONS)
def test_wrong_options(command: Command, birds: Path, tmp_path: Path, mistake: str) -> None:
    options, sentence = WRONG_OPTIONS[mistake]
    done = command("fit", birds, "--out", tmp_path / "model", *options)
    _assert_refused(done, sentence)
    assert list(tmp_path.iterdir()) == []


def _assert_refused(done: Any, sentence: str) -> None:
    """Exit code 2, nothing on stdout, and one line at the end that says what is wrong."""
    assert (done.code, done.out) == (2, "")
    last = done.err.splitlines()[-1]
    assert last.startswith("fieldmark: ")
    assert sentence in last
    assert "Traceback" not in done.err


def _no_photos(root: Path) -> None:
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()


def _one_class(root: Path) -> None:
    for number in range(4):
        _photo(root / "a" / f"{number}.png")


def _class_with_one_photo(root: Path) -> None:
    for number, colour in enumerate(("red", "green", "blue", "white")):
        _photo(root / "a" / f"{number}.png", colour)
    _photo(root / "b" / "0.png", "black")


def _csv_without_labels(root: Path) -> None:
    root.write_text("ref,kind\na.jpg,x\n")


WRONG_DATA: dict[str, tuple[Callable[[Path], None], str]] = {
    "nothing there": (lambda root: None, "expected a folder or a CSV at {root}, found nothing"),
    "no photos": (_no_photos, "expected photos in class folders in {root}, found no photo"),
    "one class": (_one_class, "expected photos of at least two classes in {root}, found only 'a'"),
    "one photo": (_class_with_one_photo, "every class needs at least two usable photos, but found 1 of 'b'"),
    "csv without labels": (
        _csv_without_labels,
        "expected columns path and label in {root}, found ref, kind: add path and label",
    ),
}


@pytest.mark.parametrize("kind", WRONG_DATA)
def test_wrong_data(command: Command, tmp_path: Path, kind: str) -> None:
    build, sentence = WRONG_DATA[kind]
    root = tmp_path / "data.csv"
    build(root)
    before = sorted(tmp_path.rglob("*"))
    done = command("fit", root, "--out", tmp_path / "model", "--method", "linear_probe")
    _assert_refused(done, sentence.format(root=root))
    assert sorted(tmp_path.rglob("*")) == before


def test_an_out_that_is_something_else(command: Command, birds: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    done = command("fit", birds, "--out", tmp_path / "thesis")
    _assert_refused(done, f"--out {tmp_path / 'thesis'} exists and is no model folder; name a new folder")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"
    _assert_refused(command("fit", birds, "--out", birds), "exists and is no model folder")


def test_an_out_inside_the_photos_does_not_disturb_the_next_fit(command: Command, birds: Path, tmp_path: Path) -> None:
    """A model folder holds no photos, so that it is no class."""
    data = shutil.copytree(birds, tmp_path / "data")
    options = ("--method", "linear_probe", "--image-size", 96)
    assert command("fit", data, "--out", data / "model", *options).code == 0
    assert command("fit", data, "--out", data / "model", *options).code == 0
    assert load(data / "model").manifest.classes == sorted(path.name for path in birds.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_an_interrupt_leaves_nothing(birds: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "FIELDMARK_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    arguments = ["fit", str(birds), "--out", str(tmp_path / "out" / "model"), "--method", "linear_probe"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fieldmark", *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # jobs in the background ignore it
    )
    while not (tmp_path / "cache" / "features").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.splitlines()[-1] == INTERRUPTED
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_sigterm_interrupts(command: Command, birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes in the middle of the fit, before the model is written."""

    def terminated(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)  # until the signal ends it

    monkeypatch.setattr(sys.modules["fieldmark.fit"], "certify", terminated)
    done = command("fit", birds, "--out", tmp_path / "out" / "model", "--method", "linear_probe", "--image-size", 96)
    assert done.code == 130
    assert done.err.splitlines()[-1] == INTERRUPTED
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_data_sets_as_json(command: Command) -> None:
    done = command("datasets", "list", "--json")
    assert done.code == 0
    names = [json.loads(line)["name"] for line in done.out.splitlines()]
    assert {"image_folder", "csv", "cub200_2011"} <= set(names)


def test_help_and_version(command: Command) -> None:
    import fieldmark

    assert command("--version").out == f"fieldmark {fieldmark.__version__}\n"
    shown = command("--help")
    assert shown.code == 0
    assert all(verb in shown.out for verb in ("fit", "evaluate", "predict", "check", "demo", "synth", "datasets"))


@pytest.mark.parametrize("verb", ["fit", "demo", "compare", "guide", "export", "explain", "synth"])
def test_output_is_another_name_of_out(command: Command, verb: str) -> None:
    from typer.main import get_command

    from fieldmark.cli.main import app

    options = {option for one in get_command(app).commands[verb].params for option in one.opts}  # type: ignore[attr-defined]
    assert {"--out", "--output"} <= options


@pytest.mark.parametrize("arguments", [["fitt"], ["fit"], ["fit", "photos"], ["predict", "model"]])
def test_a_wrong_command_line(command: Command, arguments: list[str]) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
