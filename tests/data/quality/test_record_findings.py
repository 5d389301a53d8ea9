"""Findings on names, boxes and groups, with their sentences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fieldmark.check.check_data import check
from fieldmark.data.quality.findings import Finding
from fieldmark.data.read import read


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((80, 60), Image.Resampling.BICUBIC).save(path)


def findings(root: Path) -> dict[str, Finding]:
    report = check(read(root), deep=False)
    return {finding.code: finding for finding in report.findings}


def table(root: Path, header: str, rows: list[str]) -> Path:
    for index in range(len(rows)):
        photo(root / f"{index}.png", index)
    text = "".join(f"{index}.png,{row}\n" for index, row in enumerate(rows))
    (root / "labels.csv").write_text(f"path,label,{header}\n{text}", encoding="utf-8")
    return root


def test_names_that_differ_by_case_only(tmp_path: Path) -> None:
    for index, name in enumerate(["Tern", "tern", "gull"]):
        photo(tmp_path / name / f"{index}.png", index)
    found = findings(tmp_path)["case_twins"]
    assert (found.severity, found.message, found.count) == (
        "warning",
        "1 name of a class is written in several ways that differ only by case",
        1,
    )
    assert [example.detail for example in found.examples] == ["Tern = tern"]


def test_normalised_boxes(tmp_path: Path) -> None:
    root = table(tmp_path, "box", ["tern,0.1 0.2 0.5 0.9", "gull,0 0 1 1", "gull,"])
    found = findings(root)["normalised_boxes"]
    assert (found.severity, found.message) == ("warning", "all 2 boxes lie between 0 and 1")
    assert found.examples[0].detail == "box 0.1 0.2 0.5 0.9"


def test_boxes_beyond_the_photo(tmp_path: Path) -> None:
    root = table(tmp_path, "box", ["tern,0 0 81 60", "gull,10 10 200 50", "gull,-5 0 20 20"])
    found = findings(root)["boxes_outside"]
    assert (found.severity, found.message, found.count) == ("warning", "2 boxes reach beyond the photo", 2)
    assert found.examples[0].detail == "box 10 10 200 50 on 80 x 60 pixels"


def test_boxes_inside_are_no_finding(tmp_path: Path) -> None:
    assert not {"normalised_boxes", "boxes_outside"} & set(
        findings(table(tmp_path, "box", ["tern,0 0 80 60", "gull,1 1 2 2"]))
    )


def test_one_group_for_each_class(tmp_path: Path) -> None:
    root = table(tmp_path, "group", ["tern,a", "tern,a", "gull,b", "gull,b"])
    found = findings(root)["single_group"]
    assert (found.severity, found.message) == (
        "warning",
        "each class is a single group: no photo can be split off for val or test, so nothing can be measured",
    )


def test_one_class_of_a_single_group(tmp_path: Path) -> None:
    root = table(tmp_path, "group", ["tern,a", "tern,a", "gull,b", "gull,c", "auk,", "auk,"])
    found = findings(root)["single_group"]
    assert (
        found.message
        == "1 class is a single group: no photo of them can be split off, so their accuracy cannot be measured"
    )
    assert [example.detail for example in found.examples] == ["tern"]


def test_notes_of_the_reader_are_findings(tmp_path: Path) -> None:
    for index, name in enumerate(["tern", "gull"]):
        photo(tmp_path / name / "1.png", index)
    (tmp_path / "gull/raw.cr2").touch()
    found = findings(tmp_path)["other_files"]
    assert (found.severity, found.message) == ("note", "1 file that is not a photo was left out: 1 .cr2")


def test_the_command_line_names_columns_and_drops_labels(tmp_path: Path, command: Callable[..., Any]) -> None:
    import json

    rows = ["tern,a", "tern,b", "gull,a", "gull,b", "Other,a"]
    for index in range(len(rows)):
        photo(tmp_path / f"{index}.png", index)
    text = "".join(f"{index},{row}\n" for index, row in enumerate(rows))
    (tmp_path / "list.csv").write_text(f"shot,kind,who\n{text}", encoding="utf-8")
    options = ("--path-col", "shot", "--label-col", "kind", "--group-col", "who", "--drop-label", "Other")
    done = command("check", tmp_path, *options, "--fast", "--json")
    report = json.loads(done.out)
    assert (report["num_photos"], report["num_classes"]) == (4, 2)


def test_fit_and_evaluate_use_the_same_columns(tmp_path: Path, birds: Path, command: Callable[..., Any]) -> None:
    import json
    import shutil

    root = tmp_path / "set"
    root.mkdir()
    lines = ["shot,kind"]
    for number, source in enumerate(sorted(birds.rglob("*.jpg"))):
        shutil.copy(source, root / f"{number}.jpg")
        lines.append(f"{number},{source.parent.name}")
    lines.append("0,Not sure")
    (root / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    columns = ("--path-col", "shot", "--label-col", "kind", "--drop-label", "Not sure")
    fitted = command("fit", root, "--out", tmp_path / "model", "--method", "linear_probe", "--image-size", 64, *columns)
    assert fitted.code == 0
    done = command("evaluate", tmp_path / "model", "--json")
    assert (done.code, json.loads(done.out)["num_images"] > 0) == (0, True)


def test_fit_says_that_nothing_can_be_measured(tmp_path: Path, birds: Path, command: Callable[..., Any]) -> None:
    lines = ["path,label,group"]
    lines += [f"{path},{path.parent.name},{path.parent.name}" for path in sorted(birds.rglob("*.jpg"))]
    (tmp_path / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    done = command(
        "fit", tmp_path / "list.csv", "--out", tmp_path / "model", "--method", "linear_probe", "--image-size", 64
    )
    assert done.code == 0
    assert "so nothing can be measured" in done.err
    assert "no test photos: the accuracy on new photos is not measured" in done.err
    assert "fieldmark evaluate" not in done.err
