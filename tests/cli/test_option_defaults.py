"""Where an option's value comes from: the command line, the environment, fieldmark.toml, the default."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fieldmark.cli.default_out import default_out
from fieldmark.cli.main import app

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, without variables that another shell set."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _top(command: Command, fitted: Path, photo: Path, *arguments: object) -> int:
    """How many candidates ``predict`` gives."""
    done = command("predict", fitted, photo, "--json", *arguments)
    assert done.code == 0, done.err
    return len(json.loads(done.out)["candidates"])


def test_each_source_gives_way_to_the_one_before_it(
    command: Command, fitted: Path, birds: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = next(birds.rglob("*.jpg"))
    assert _top(command, fitted, photo) == 4  # all four classes
    (folder / "fieldmark.toml").write_text("[predict]\ntop-k = 1\n")
    assert _top(command, fitted, photo) == 1
    (folder / "other.toml").write_text("predict = {top = 3}\nquiet = true\n")
    monkeypatch.setenv("FIELDMARK_CONFIG", "other.toml")
    assert _top(command, fitted, photo) == 3
    monkeypatch.setenv("FIELDMARK_PREDICT_TOP", "2")
    assert _top(command, fitted, photo) == 2
    assert _top(command, fitted, photo, "--top", 4) == 4


def test_flags_lists_and_inner_commands(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_METHODS_JSON", "true")
    assert all(json.loads(line)["name"] for line in command("methods").out.splitlines())
    (folder / "fieldmark.toml").write_text('[datasets.list]\njson = true\n[check]\ndrop-label = ["a", "b"]\n')
    assert all(json.loads(line)["name"] for line in command("datasets", "list").out.splitlines())
    done = command("check", folder / "none")
    assert done.code == 2
    assert "found nothing" in done.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[predikt]\ntop = 1\n", "unknown command in fieldmark.toml 'predikt': did you mean 'predict'? ("),
        (
            "[predict]\ntopp = 1\n",
            "unknown option of 'fieldmark predict' in fieldmark.toml 'topp': did you mean 'top'? (",
        ),
        ("[predict\n", "fieldmark.toml is not valid TOML (Expected ']' at the end of a table declaration"),
    ],
)
def test_a_file_that_does_not_fit(command: Command, folder: Path, content: str, sentence: str) -> None:
    (folder / "fieldmark.toml").write_text(content)
    done = command("methods")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"fieldmark: {sentence}")


def test_a_file_that_is_not_there(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_CONFIG", "none.toml")
    done = command("methods")
    assert (done.code, done.err) == (
        2,
        "fieldmark: FIELDMARK_CONFIG names none.toml, but it cannot be read: No such file or directory\n",
    )


def _commands(command: Any, *names: str) -> Iterator[tuple[str, ...]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, *names, name)
    yield names


@pytest.mark.parametrize("names", _commands(typer.main.get_command(app)), ids=" ".join)
def test_no_help_shows_the_type_of_a_flag(command: Command, names: tuple[str, ...]) -> None:
    shown = command(*names, "--help").out
    assert "bool" not in shown.lower()
    assert "env var" not in shown.replace("FIELDMARK_TOKEN", "") or names in (("serve",), ("review",), ("label",))


def test_the_help_of_fit_lists_every_method_with_a_line(command: Command) -> None:
    from fieldmark.methods import METHODS

    for verb in ("fit", "compare"):
        shown = " ".join(command(verb, "--help").out.replace("│", " ").split())
        for name in METHODS:
            assert f"{name}: {METHODS.summary(name)}" in shown


def test_nothing_is_overwritten_without_out(folder: Path) -> None:
    photo = folder / "a photo.jpg"
    photo.write_bytes(b"")
    assert default_out(photo, "-explained") == Path("a photo-explained")
    assert default_out(folder, "-model") == Path(f"{folder.name}-model")
    Path(f"{folder.name}-guide.html").write_text("mine")
    Path(f"{folder.name}-guide-2.html").write_text("mine too")
    assert default_out(Path(), "-guide.html") == Path(f"{folder.name}-guide-3.html")


def test_commands_without_out_write_new_files(command: Command, fitted: Path, birds: Path, folder: Path) -> None:
    for name in ("model.onnx", "model-2.onnx"):
        done = command("export", fitted)
        assert done.code == 0, done.err
        assert f"wrote {name}, " in done.err
        assert (folder / name).is_file()
    photo = next(birds.rglob("*.jpg"))
    assert command("explain", fitted, photo).code == 0
    assert (folder / f"{photo.stem}-explained" / "explain.json").is_file()
    done = command("fit", birds, "--method", "linear_probe", "--image-size", 96)
    assert (done.code, (folder / "birds-model" / "fieldmark.json").is_file()) == (0, True)
