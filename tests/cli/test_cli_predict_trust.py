"""Levels and specimens on the command line: what scripts may rely on, and the words of refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark import load
from fieldmark.errors import SettingError

Command = Callable[..., Any]


@pytest.fixture
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[:3]


def test_a_set_and_its_coverage_are_in_the_json(command: Command, fitted: Path, photos: list[Path]) -> None:
    done = command("predict", fitted, photos[0], "--json", "--coverage", 0.5, "--confidence", 0.6)
    answer = json.loads(done.out)
    assert answer["coverage"] == 0.5
    assert answer["candidates"][0]["label"] == answer["set"][0]
    assert answer["rank"] in ("class", None)


@pytest.mark.parametrize("option", ["coverage", "target-accuracy", "confidence"])
def test_a_level_that_is_none_is_one_sentence(command: Command, fitted: Path, photos: list[Path], option: str) -> None:
    done = command("predict", fitted, photos[0], f"--{option}", "1.5")
    assert (done.code, done.out) == (2, "")
    name = "coverage" if option == "coverage" else "target_accuracy"
    assert done.err == f"fieldmark: {name} must lie between 0 and 1, such as 0.9, but is 1.5\n"


def test_a_coverage_that_nothing_vouches_for_is_refused(fitted: Path, photos: list[Path]) -> None:
    recognizer = load(fitted)
    with pytest.raises(SettingError) as caught:
        recognizer.predict(photos[0], coverage=0.999)
    assert str(caught.value) == (
        f"a coverage of 0.999 needs 999 calibration photos, but the model has {recognizer.guarantees.photos}; "
        "ask for less, or fit on more photos"
    )


def test_photos_of_one_specimen_give_one_answer(command: Command, fitted: Path, photos: list[Path]) -> None:
    done = command("predict", fitted, *photos, "--same-specimen", "--json")
    answer = json.loads(done.out)
    assert (answer["path"], answer["photos"]) == (None, [str(photo) for photo in photos])
    expected = load(fitted).predict_specimen(photos)
    assert answer == json.loads(json.dumps(expected.to_dict()))


def test_a_csv_names_the_specimens(command: Command, fitted: Path, photos: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "finds.csv"
    table.write_text(
        f"path,group\n{photos[0]},first\n{photos[1]},second\n{photos[2]},first\n{tmp_path}/no.jpg,second\n"
    )
    done = command("predict", fitted, table, "--json")
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert (first["group"], first["photos"]) == ("first", [str(photos[0]), str(photos[2])])
    assert (second["group"], second["photos"]) == ("second", [str(photos[1])])


def test_a_csv_that_names_the_specimens_stands_alone(command: Command, fitted: Path, tmp_path: Path) -> None:
    table = tmp_path / "finds.csv"
    table.write_text("path,group\na.jpg,x\n")
    advice = "give no other path and leave out --same-specimen"
    for more in (tmp_path / "a.jpg", "--same-specimen"):
        done = command("predict", fitted, table, more)
        said = f"fieldmark: a table with a column 'group' names the specimens itself: {advice}\n"
        assert (done.code, done.err) == (2, said)


def test_a_specimen_without_photos_is_refused(fitted: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load(fitted).predict_specimen([])
    assert str(caught.value) == "expected the photos of a specimen, but got none; give at least one"
