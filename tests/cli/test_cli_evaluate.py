"""``fieldmark evaluate``: one object on stdout, a row for each photo beside the model."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark import load
from fieldmark.evaluation.evaluate import evaluate

Command = Callable[..., Any]


def test_one_json_object(command: Command, model_copy: Path) -> None:
    done = command("evaluate", model_copy, "--json")
    assert done.code == 0
    expected = evaluate(load(model_copy)).metrics.to_dict()
    assert json.loads(done.out) == json.loads(json.dumps(expected))
    assert done.out.count("\n") == 1


def test_a_row_for_each_photo_beside_the_model(command: Command, model_copy: Path) -> None:
    done = command("evaluate", model_copy)
    assert (done.code, done.out) == (0, "")
    rows = model_copy.with_name("model.test.csv")
    assert str(rows) in done.err.replace("\n", "")
    with rows.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == load(model_copy).manifest.data.photos["test"]
    assert sorted(path.name for path in model_copy.parent.iterdir()) == ["model", "model.test.csv"]


def test_the_model_in_the_working_folder(command: Command, model_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model_copy)
    assert command("evaluate", ".", "--split", "val").code == 0
    assert model_copy.with_name("model.val.csv").is_file()


def test_the_rows_where_they_are_wanted(command: Command, model_copy: Path, tmp_path: Path) -> None:
    assert command("evaluate", model_copy, "--rows", tmp_path / "deep" / "rows.csv").code == 0
    assert (tmp_path / "deep" / "rows.csv").is_file()
    assert not model_copy.with_name("model.test.csv").exists()


def test_percent_on_screen(command: Command, model_copy: Path) -> None:
    done = command("evaluate", model_copy)
    top1 = evaluate(load(model_copy)).metrics.top1_accuracy
    assert f"{top1:.1%}" in done.err
    assert "95% CI" in done.err


def test_unreadable_photos_end_with_1(command: Command, model_copy: Path, birds: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(birds, tmp_path / "moved")
    row = next(row for row in load(model_copy).split() if row.split == "test")
    (moved / row.path).write_bytes(b"no photo")
    done = command("evaluate", model_copy, moved, "--json")
    assert done.code == 1
    assert json.loads(done.out)["num_images"] == load(model_copy).manifest.data.photos["test"] - 1
    assert f"not read: {moved / row.path}" in done.err.replace("\n", "")


def test_an_unknown_split(command: Command, model_copy: Path) -> None:
    done = command("evaluate", model_copy, "--split", "tests")
    assert (done.code, done.out) == (2, "")
    assert done.err == "fieldmark: unknown split 'tests': did you mean 'test'? (known: test, train, val)\n"


def test_data_that_are_not_there(command: Command, model_copy: Path, tmp_path: Path) -> None:
    done = command("evaluate", model_copy, tmp_path / "none", "--json")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"fieldmark: expected a folder or a CSV at {tmp_path / 'none'}, found nothing")
    assert not model_copy.with_name("model.test.csv").exists()


def test_rows_that_cannot_be_written(command: Command, model_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("evaluate", model_copy, "--rows", tmp_path / "file" / "rows.csv")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("fieldmark: ")
    assert "name another place" in done.err
