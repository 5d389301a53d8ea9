"""Every command that reads a data set takes the same options for columns and labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark.artifact.load import load_manifest

NAMED = ("--path-col", "shot", "--label-col", "kind", "--group-col", "who", "--drop-label", "Not sure")


@pytest.fixture(scope="module")
def table(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of odd column names; every twelfth photo is labelled "Not sure"."""
    root = tmp_path_factory.mktemp("table")
    photos = sorted(birds.rglob("*.jpg"))
    with (root / "notes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("shot", "kind", "who"))
        for number, photo in enumerate(photos):
            writer.writerow((photo, photo.parent.name if number % 12 else "Not sure", f"person {number // 2}"))
    return root


def test_a_model_is_fitted_measured_and_described_by_named_columns(
    table: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    model = tmp_path / "model"
    assert command("check", table, *NAMED, "--fast", "--json").code == 0
    fitted = command("fit", table, "--out", model, *NAMED, "--method", "linear_probe", "--image-size", 32)
    assert fitted.code == 0
    assert len(load_manifest(model).classes) == 4
    named = json.loads(command("evaluate", model, table, *NAMED, "--json").out)
    remembered = json.loads(command("evaluate", model, "--json").out)
    assert named == remembered
    assert named["num_images"] > 10
    columns = NAMED[:-2]
    found = json.loads(command("evaluate", model, table, *columns, "--open-set", "--json").out)
    assert (found["num_known"], found["num_unknown"]) == (named["num_images"], 8)
    assert command("guide", model, table, *columns, "--out", tmp_path / "g.html", "--pairs", 1, "--photos", 1).code == 0
    assert command("guide", model, "--out", tmp_path / "g.html", "--pairs", 1, "--photos", 1).code == 0


def test_columns_without_data_are_refused(fitted: Path, command: Callable[..., Any]) -> None:
    done = command("evaluate", fitted, "--label-col", "kind")
    assert (done.code, done.err) == (
        2,
        "fieldmark: columns and labels to drop belong to a data set, but none was given: name DATA, too\n",
    )


def test_compare_reads_by_named_columns(table: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    wrong = (*NAMED[:3], "nothing")
    done = command("compare", table, "--out", tmp_path / "out", "--methods", "linear_probe", *wrong)
    assert done.code == 2
    assert "nothing" in done.err
    assert "--label-col" in done.err
