"""``fieldmark explain``: what scripts may rely on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldmark import load

Command = Callable[..., Any]


@pytest.fixture
def photo(birds: Path) -> Path:
    return sorted(birds.rglob("*.jpg"))[0]


def test_pictures_and_a_file_for_programs(command: Command, fitted: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "why"
    done = command("explain", fitted, photo, "--out", out, "--json")
    assert done.code == 0
    assert sorted(file.name for file in out.iterdir()) == ["contrast.png", "explain.json", "map.png"]
    written = json.loads((out / "explain.json").read_text())
    assert json.loads(done.out) == written
    found = load(fitted).explain(photo)
    assert (written["label"], written["against"], written["box"]) == (found.label, found.against, list(found.box))
    np.testing.assert_allclose(written["map"], found.map, rtol=1e-6, atol=1e-9)
    first, how, files = done.err.splitlines()
    assert first.startswith(f"{found.label} rather than {found.against}: the strongest evidence lies in x ")
    assert how.strip() == found.how
    assert str(out / "contrast.png") in files
    picture = Image.open(out / "contrast.png")
    assert picture.width == 128
    assert picture.height > 128  # the legend


def test_warm_is_for_the_winner_and_cold_for_the_other(
    command: Command, fitted: Path, photo: Path, tmp_path: Path
) -> None:
    command("explain", fitted, photo, "--out", tmp_path / "why")
    found = load(fitted).explain(photo)
    pixels = np.asarray(Image.open(tmp_path / "why" / "contrast.png").convert("RGB"), dtype=np.int64)
    redness = pixels[..., 0] - pixels[..., 2]
    step = 128 / len(found.fine)
    means = {
        sign: redness[int((row + 0.5) * step), int((column + 0.5) * step)]
        for sign, (row, column) in (
            ("for", np.unravel_index(found.fine.argmax(), found.fine.shape)),
            ("against", np.unravel_index(found.fine.argmin(), found.fine.shape)),
        )
    }
    strongest = "for" if found.fine.max() > -found.fine.min() else "against"
    assert means["for"] > means["against"]
    assert (means[strongest] > 60) if strongest == "for" else (means[strongest] < -60)


def test_an_earlier_explanation_is_replaced(command: Command, fitted: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "why"
    command("explain", fitted, photo, "--out", out)
    last = load(fitted).predict(photo).candidates[-1].label
    assert command("explain", fitted, photo, "--against", last, "--out", out).code == 0
    assert json.loads((out / "explain.json").read_text())["against"] == last


def test_somebody_elses_folder_is_left_alone(command: Command, fitted: Path, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = command("explain", fitted, photo, "--out", tmp_path)
    assert done.code == 2
    assert done.err == (f"fieldmark: the folder {tmp_path} is not empty (1 entry): choose a new or empty folder\n")
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_wrong_input_is_one_sentence(command: Command, fitted: Path, photo: Path, tmp_path: Path) -> None:
    done = command("explain", fitted, tmp_path / "none.jpg", "--out", tmp_path / "why")
    assert (done.code, done.err) == (
        2,
        f"fieldmark: {tmp_path / 'none.jpg'} does not exist: correct its path or take it off the list\n",
    )
    done = command("explain", fitted, photo, "--against", "Nobody", "--out", tmp_path / "why")
    assert done.code == 2
    assert done.err.startswith("fieldmark: unknown class 'Nobody': (known: ")
    assert not (tmp_path / "why").exists()
