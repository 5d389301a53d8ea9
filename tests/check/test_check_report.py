"""The check of a data set with one problem of each kind, in the library, on screen, and from the command line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from fieldmark.check import CheckReport, check, render
from fieldmark.cli.check import check as check_command
from fieldmark.data.read import read
from fieldmark.structures import RecordList


def photo(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    noise.resize((96, 72), Image.Resampling.BICUBIC).save(path, quality=92)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of eight photos and one of one; an empty file, a text, an exact copy, a copy under another label."""
    root = tmp_path / "birds"
    for number in range(8):
        photo(root / "crow" / f"{number}.jpg", number)
        photo(root / "raven" / f"{number}.jpg", 100 + number)
    photo(root / "rook" / "0.jpg", 200)
    (root / "crow" / "empty.jpg").write_bytes(b"")
    (root / "raven" / "text.jpg").write_bytes(b"no photo")
    (root / "crow" / "copy.jpg").write_bytes((root / "crow" / "0.jpg").read_bytes())
    (root / "raven" / "wrong.jpg").write_bytes((root / "crow" / "1.jpg").read_bytes())
    return root


def averages(paths: list[Path], *, trim_bottom: list[int] | int = 0) -> np.ndarray:
    """(N, 12) mean colours of quarters, as embeddings."""
    del trim_bottom
    return np.array([np.asarray(Image.open(path).resize((2, 2))).ravel() for path in paths], dtype=np.float32) - 127


def shown(report: CheckReport, examples: int = 5) -> str:
    console = Console(file=io.StringIO(), width=110)
    console.print(render(report, examples))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_report_lists_every_problem(folder: Path) -> None:
    report = check(read(folder), deep=False)
    assert [(finding.code, finding.severity, finding.count) for finding in report.findings] == [
        ("empty", "error", 1),
        ("unreadable", "error", 1),
        ("too_few_photos", "error", 1),
        ("two_labels", "error", 1),
        ("exact_duplicates", "note", 1),
    ]
    assert report.has_errors
    assert (report.num_photos, len(report.usable), report.splits) == (21, 19, {"none": 19})
    assert not {"empty.jpg", "text.jpg"} & {record.path.name for record in report.usable}
    assert all(finding.action and finding.count for finding in report.findings)


def test_json_lists_every_example(folder: Path) -> None:
    report = json.loads(json.dumps(check(read(folder), deep=False).to_dict()))
    assert list(report) == ["name", "root", "num_photos", "num_usable", "num_classes", "splits", "deep", "findings"]
    assert list(report["findings"][0]) == ["code", "severity", "message", "count", "action", "examples"]
    assert report["findings"][3]["examples"] == [
        {
            "paths": [str(folder / "crow" / "1.jpg"), str(folder / "raven" / "wrong.jpg")],
            "detail": "the same bytes; crow / raven",
        }
    ]


def test_the_screen_shows_the_worst_first_and_few_examples(folder: Path) -> None:
    for number in range(7):
        (folder / "crow" / f"hollow{number}.jpg").write_bytes(b"")
    text = shown(check(read(folder), deep=False), examples=3)
    assert text.startswith("28 photos of 3 classes (image_folder), 9 of them left out\n")
    assert "8 photos with 0 bytes" in text
    assert "copy them again from their source or remove them" in text
    assert "… 5 more (all of them with --limit all)" in text
    assert "crow/1.jpg = raven/wrong.jpg  the same bytes; crow / raven" in text
    assert str(folder) not in text
    assert text.index("error") < text.index("note")


def test_a_clean_set_has_no_problems(tmp_path: Path) -> None:
    for number in range(12):
        photo(tmp_path / ("crow" if number % 2 else "raven") / f"{number}.jpg", number)
    report = check(read(tmp_path), deep=False)
    assert report.findings == ()
    assert shown(report) == "12 photos of 2 classes (image_folder)\nno problems found\n"


def test_embeddings_find_duplicates_that_pixels_miss(folder: Path) -> None:
    """The given function gets the usable photos, and its near-duplicates join the others."""
    asked: list[Path] = []

    def embed(paths: list[Path], *, trim_bottom: list[int] | int = 0) -> np.ndarray:
        asked.extend(paths)
        assert trim_bottom == [0] * len(paths)
        embeddings = np.eye(len(paths), dtype=np.float32)
        embeddings[paths.index(folder / "crow" / "2.jpg")] = embeddings[paths.index(folder / "crow" / "3.jpg")]
        embeddings[paths.index(folder / "crow" / "copy.jpg")] = embeddings[paths.index(folder / "crow" / "0.jpg")]
        return embeddings

    report = check(read(folder), embed=embed)
    assert asked == report.usable.paths
    findings = {finding.code: finding for finding in report.findings}
    assert findings["near_duplicates"].examples[0].detail == "alike to the network (1.00)"
    assert findings["near_duplicates"].count == 1
    assert findings["exact_duplicates"].count == 1


def test_the_same_seed_gives_the_same_report(folder: Path) -> None:
    assert check(read(folder), embed=averages) == check(read(folder), embed=averages)


def test_a_set_without_usable_photos_gives_a_report(folder: Path) -> None:
    records = read(folder)
    for record in records:
        record.path.write_bytes(b"")
    report = check(records, embed=averages)
    assert [finding.code for finding in report.findings] == ["empty", "one_class", "empty_class"]
    assert len(check(RecordList([], ["crow"])).usable) == 0


app = typer.Typer()
app.command()(check_command)


def test_command_prints_json_to_stdout_and_exits_with_1_for_errors(folder: Path) -> None:
    result = CliRunner().invoke(app, [str(folder), "--fast", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["num_usable"] == 19


def test_command_exits_with_0_for_warnings(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(6):
        photo(tmp_path / ("crow" if number % 2 else "raven") / f"{number}.jpg", number)
    result = CliRunner().invoke(app, [str(tmp_path), "--fast"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 classes with fewer than 5 photos" in result.stderr + capfd.readouterr().err


def test_grocery_counts_its_splits_and_lists_classes_without_val_photos(grocery81: Path) -> None:
    records = read(grocery81)
    few = RecordList((record for record in records if record.label < 12), records.classes[:12], root=grocery81)
    report = check(few, deep=False)
    assert not report.has_errors
    assert list(report.splits) == ["train", "val", "test"]
    assert "val_misses_classes" in {finding.code for finding in report.findings}


@pytest.mark.parametrize(("limit", "lines"), [("1", 1), ("all", 8), ("0", 8)])
def test_the_command_shows_as_many_examples_as_wanted(
    folder: Path, command: Callable[..., Any], limit: str, lines: int
) -> None:
    for number in range(7):
        (folder / "crow" / f"hollow{number}.jpg").write_bytes(b"")
    done = command("check", folder, "--fast", "--limit", limit)
    assert done.code == 1
    section = done.err.split("8 photos with 0 bytes\n")[1].split("\n\n")[0]
    assert section.count("crow/") == lines


def test_a_limit_that_is_no_number_is_refused(folder: Path, command: Callable[..., Any]) -> None:
    done = command("check", folder, "--fast", "--limit", "few")
    assert done.code == 2
    assert "--limit must be a number of examples or 'all', but is 'few'" in done.err
