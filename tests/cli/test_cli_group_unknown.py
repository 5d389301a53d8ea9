"""Unknown photos are grouped by ``predict``, and a group is enrolled or corrected at once."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fieldmark import load
from fieldmark.artifact.generations import changing
from fieldmark.catalogue.answered_groups import photos_of_group
from fieldmark.cli.group_answers import GROUP_NOTES
from fieldmark.errors import DataError, SettingError
from fieldmark.openset.likeness import group_alike


@pytest.fixture(scope="module")
def photos(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos that were saved four times, each a little differently, and ten others."""
    folder = tmp_path_factory.mktemp("strangers")
    every = sorted(birds.rglob("*.jpg"))
    for number, photo in enumerate(every[:: len(every) // 3][:3]):
        for quality in (70, 80, 90, 95):
            Image.open(photo).save(folder / f"{'abc'[number]}-{quality}.jpg", quality=quality)
    for number, photo in enumerate(every[6::9]):
        Image.open(photo).save(folder / f"other-{number}.jpg", quality=95)
    return folder


@pytest.fixture
def model(model_copy: Path) -> Path:
    """A model to which every photo is unknown: so small a one misses strangers."""
    with changing(model_copy) as change:
        assert change.current is not None
        assert change.current.unknown is not None
        unknown = change.current.unknown.model_copy(update={"threshold": 1e9})
        change.commit(change.current.model_copy(update={"unknown": unknown}), "know nothing")
    return model_copy


def _answers(command: Callable[..., Any], model: Path, *arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in command("predict", model, *arguments, "--json").out.splitlines()]


def test_each_unknown_photo_has_its_group(model: Path, photos: Path, command: Callable[..., Any]) -> None:
    plain = _answers(command, model, photos)
    answers = _answers(command, model, photos, "--group-unknown")
    found = [tuple(answer.pop(name) for name in GROUP_NOTES) for answer in answers]
    assert answers == plain
    recognizer = load(model)
    state = recognizer.open_set.state
    vectors = state.projection(recognizer.embeddings([answer["path"] for answer in answers]).vectors)
    numbers = group_alike(vectors, state)
    assert [group for group, _, _ in found] == [None if number < 0 else number + 1 for number in numbers]
    of_kind: dict[str, set[Any]] = {}
    for answer, (group, nearest, parent) in zip(answers, found, strict=True):
        of_kind.setdefault(Path(answer["path"]).name[:2], set()).add(group)
        assert (nearest in recognizer.classes) == (group is not None)
        assert parent is None  # these classes have no ancestors
    assert all(len(of_kind[kind]) == 1 and None not in of_kind[kind] for kind in ("a-", "b-", "c-"))


def test_known_photos_have_no_group(fitted: Path, photos: Path, command: Callable[..., Any]) -> None:
    answers = _answers(command, fitted, photos, "--group-unknown")
    known = [answer for answer in answers if not answer["unknown"]]
    assert known
    assert all(answer[name] is None for answer in known for name in GROUP_NOTES)


def test_a_group_becomes_a_class_or_a_correction(
    model: Path, photos: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    out = tmp_path / "answers.csv"
    done = command("predict", model, photos, "--group-unknown", "--out", out)
    assert done.code == 0, done.err
    assert f"to add a group as a class: fieldmark enroll {model} --label NAME --from {out} --group 1" in done.err
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    first = [row["path"] for row in rows if row["unknown_group"] == "1"]
    assert [str(photo) for photo in photos_of_group(out, 1)] == first
    assert len(first) >= 4
    added = command("enroll", model, "--label", "Thing", "--from", out, "--group", 1, "--json")
    assert json.loads(added.out)["photos"] == len(first)
    assert load(model).classes[-1] == "Thing"
    corrected = command("feedback", model, "--label", "Thing", "--from", out, "--group", 1)
    assert corrected.code == 0, corrected.err
    listed = load(model).feedback()
    assert {(one.label, one.new_class) for one in listed} == {("Thing", False)}
    assert sorted(one.name for one in listed) == sorted(Path(path).name for path in first)


def test_the_table_for_people_names_the_groups(model: Path, photos: Path, command: Callable[..., Any]) -> None:
    shown = command("predict", model, photos, "--group-unknown")
    assert shown.out == ""
    assert "nearest class" in shown.err
    assert "22 unknown photos: " in shown.err


def test_what_cannot_be_grouped_is_refused(
    fitted: Path, photos: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    for option in ("--same-specimen", "--by-folder"):
        refused = command("predict", fitted, photos, "--group-unknown", option)
        assert (refused.code, f"leave out {option}" in refused.err) == (2, True)
    for arguments in (["--from", "a.csv"], ["--group", "1"]):
        assert "belong together" in command("enroll", fitted, "--label", "x", *arguments).err
    assert command("enroll", fitted, "--label", "x").code == 2
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"path": "a.jpg", "unknown_group": 2}\n{"path": "b.jpg", "unknown_group": null}\n')
    assert photos_of_group(answers, 2) == [Path("a.jpg")]
    with pytest.raises(SettingError) as raised:
        photos_of_group(answers, 1)
    assert str(raised.value) == f"{answers} has no group 1 of unknown photos; it has 2"
    for name, text in (("answers.csv", "path,label\na.jpg,crow\n"), ("answers.jsonl", "no JSON\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match="found something else: write them with"):
            photos_of_group(tmp_path / name, 1)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        photos_of_group(tmp_path / "absent.csv", 1)
