"""Names with bytes that are not UTF-8 lose no finished training, and every output can hold them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark import Recognizer, load
from fieldmark.artifact.load import load_manifest
from fieldmark.artifact.markdown import as_text


@pytest.fixture
def odd_birds(birds: Path, tmp_path: Path) -> Path:
    """The photos below a folder, in a class folder and under a file name that are Latin-1 bytes."""
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/V\xf6gel"))
    try:
        shutil.copytree(birds, root)
    except OSError:
        pytest.skip("this disk takes only UTF-8 names")
    first, *_ = sorted(root.iterdir())
    odd = first.rename(os.fsdecode(os.fsencode(root) + b"/M\xf6we"))
    for number, photo in enumerate(sorted(odd.iterdir())):
        photo.rename(os.fsdecode(os.fsencode(odd) + b"/bl\xe5-%d.jpg" % number))
    return root


def test_everything_can_be_written_and_read_again(odd_birds: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    model = tmp_path / "model"
    done = command("fit", odd_birds, "--out", model, "--method", "linear_probe", "--image-size", 32)
    assert (done.code, "Traceback" in done.err) == (0, False)
    manifest = load_manifest(model)
    assert "M\\xf6we" in manifest.classes
    assert manifest.data.source.endswith("V\\xf6gel")
    assert as_text("M\\xf6we") in (model / "README.md").read_text(encoding="utf-8")
    photo = next(odd_birds.glob("M*/*0.jpg"))
    assert load(model).predict(photo).candidates
    assert Recognizer(model).search(photo)[0].path.endswith(".jpg")
    rows = tmp_path / "rows.csv"
    evaluated = command("evaluate", model, odd_birds, "--json", "--rows", rows, "--report", tmp_path / "report.html")
    assert evaluated.code == 0
    assert json.loads(evaluated.out)["num_images"] > 10
    assert "M\\xf6we" in rows.read_bytes().decode("utf-8", "surrogateescape")
    assert command("explain", model, photo, "--out", tmp_path / "explained", "--json").code == 0
    assert command("predict", model, photo, "--csv").code == 0
    assert command("enroll", model, "--label", "new", photo, "--json").code == 0
    assert command("check", odd_birds, "--json").code == 0
    again = command("evaluate", model, "--json")  # this computer remembers where the photos are, in bytes
    assert again.code == 0
    assert json.loads(again.out)["num_images"] == json.loads(evaluated.out)["num_images"]
