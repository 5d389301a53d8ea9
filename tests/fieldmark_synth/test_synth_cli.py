"""The command `synth`: draw a data set, and print the next command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from fieldmark.cli.synth import synth
from fieldmark.errors import SettingError

app = typer.Typer()
app.command()(synth)


def test_synth_prints_the_next_command(command: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "birds"
    done = command("synth", out, "--classes", 2, "--per-class", 4, "--layout", "cub", "--size", 64)
    assert done.out == ""
    assert done.err.splitlines() == [
        f"drew 8 pictures of 2 species in {out}",
        f"what separates each pair of species is listed in {out / 'field_marks.json'}",
        f"next: fieldmark fit {out} --out MODEL",
    ]
    assert (out / "images.txt").is_file()


def test_options_reach_the_library(tmp_path: Path) -> None:
    out = tmp_path / "birds"
    result = CliRunner().invoke(
        app, [str(out), "--classes", "3", "--per-class", "4", "--layout", "csv", "--size", "64"]
    )
    assert result.exit_code == 0
    assert len((out / "labels.csv").read_text().splitlines()) == 1 + 3 * 4


@pytest.mark.parametrize("option", ["--out", "--output"])
def test_the_folder_may_be_an_option(option: str, tmp_path: Path) -> None:
    options = ["--classes", "2", "--per-class", "4", "--size", "64"]
    result = CliRunner().invoke(app, [option, str(tmp_path / "birds"), *options])
    assert result.exit_code == 0
    assert (tmp_path / "birds" / "field_marks.json").is_file()
    result = CliRunner().invoke(app, [str(tmp_path / "a"), option, str(tmp_path / "b"), *options])
    assert result.exit_code == 2
    assert "synth writes one folder" in result.output


def test_the_folder_has_a_default_that_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("synth-birds", "synth-birds-2"):
        result = CliRunner().invoke(app, ["--classes", "2", "--per-class", "4", "--size", "64"])
        assert result.exit_code == 0
        assert (tmp_path / name / "field_marks.json").is_file()


def test_errors_come_as_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^expected a size of 64 to 1024 pixels, got 10: "):
        synth(tmp_path / "birds", size=10)
