"""Photos sorted by their answers: never overwritten, and back again."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark import load
from fieldmark.catalogue.sort_photos import MOVES_FILE, PhotoSorter, undo_moves
from fieldmark.errors import DataError
from fieldmark.recognizer.answer import Answer, Candidate


def _answer(label: str, confidence: float = 0.9, **fields: Any) -> Answer:
    return Answer("a.jpg", (Candidate(label, confidence),), **{"rank": "class", "unknown": False} | fields)


def _sort(sorter: PhotoSorter, photo: Path, answer: Answer) -> Path | None:
    place = sorter.claim(photo, answer)
    if place is not None:
        sorter.place(photo, place)
    return place


def _photos(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.fsencode(name))
    return [folder / name for name in names]


def test_where_an_answer_belongs(tmp_path: Path) -> None:
    sorter = PhotoSorter(tmp_path, ["Indigo Bunting"], unsure_below=0.6)
    places = {
        "Indigo Bunting": _answer("Indigo Bunting", 0.6),
        "_unsure": _answer("Indigo Bunting", 0.59),
        "_unknown": _answer("Indigo Bunting", 0.99, unknown=True),
    }
    assert {sorter.folder_of(answer) for answer in places.values()} == set(places)
    assert sorter.folder_of(_answer("Indigo Bunting", rank="genus", ancestor="Passerina")) == "_unsure"
    assert sorter.folder_of(_answer("Indigo Bunting", rank=None)) == "_unsure"
    assert sorter.folder_of(Answer("a.jpg", error="damaged")) is None


def test_class_names_that_are_no_folder_names(tmp_path: Path) -> None:
    labels = ["../etc", "a/b", "a\\b", "A_B", "_unknown", "..", "CON", "nul.txt", "tail. ", "", "x" * 300, "x" * 299]
    sorter = PhotoSorter(tmp_path, labels)
    names = [sorter.folder_of(_answer(label)) or "" for label in labels]
    assert len({name.casefold() for name in names} | {"_unsure", "_unknown"}) == len(labels) + 2
    for name in names:
        assert Path(name).name == name
        assert name not in ("", ".", "..")
        assert len(name) <= 110
        (tmp_path / name).mkdir()
    assert names[:4] == [".._etc".strip(". "), "a_b", "a_b (2)", "A_B (3)"]


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    first, second, third = _photos(tmp_path, "1/a.jpg", "2/a.jpg", "3/a.jpg")
    sorter = PhotoSorter(tmp_path / "sorted", ["x"])
    places = [_sort(sorter, photo, _answer("x")) for photo in (first, second, third)]
    assert [place and place.name for place in places] == ["a.jpg", "a (2).jpg", "a (3).jpg"]
    assert [place and place.read_text() for place in places] == ["1/a.jpg", "2/a.jpg", "3/a.jpg"]
    assert not any(photo.exists() for photo in (first, second, third))


def test_moves_are_undone(tmp_path: Path) -> None:
    photos = _photos(tmp_path, "1/a.jpg", "2/a.jpg", "3/caf\udce9.jpg")
    sorter = PhotoSorter(tmp_path / "sorted", ["x"])
    for photo in photos:
        _sort(sorter, photo, _answer("x"))
    assert undo_moves(tmp_path / "sorted").restored == 3
    assert [photo.read_bytes() for photo in photos] == [
        os.fsencode(str(photo.relative_to(tmp_path))) for photo in photos
    ]
    assert not list((tmp_path / "sorted").iterdir())


def test_what_cannot_go_back_stays_and_is_remembered(tmp_path: Path) -> None:
    first, second = _photos(tmp_path, "1/a.jpg", "2/b.jpg")
    sorter = PhotoSorter(tmp_path / "sorted", ["x"])
    place, other = (_sort(sorter, photo, _answer("x")) for photo in (first, second))
    assert place is not None
    assert other is not None
    first.write_text("new")
    undone = undo_moves(tmp_path / "sorted")
    assert (undone.restored, undone.kept) == (1, {str(place): f"another file lies at {first}"})
    assert (first.read_text(), place.read_text(), second.read_text()) == ("new", "1/a.jpg", "2/b.jpg")
    first.unlink()
    assert undo_moves(tmp_path / "sorted").restored == 1
    with pytest.raises(DataError) as caught:
        undo_moves(tmp_path / "sorted")
    assert str(caught.value) == (
        f"expected a folder that 'predict --move-into' sorted, but {tmp_path / 'sorted'} holds no {MOVES_FILE}"
    )


def test_a_process_killed_between_claim_and_move_loses_nothing(tmp_path: Path) -> None:
    (photo,) = _photos(tmp_path, "a.jpg")
    sorter = PhotoSorter(tmp_path / "sorted", ["x"])
    place = sorter.claim(photo, _answer("x"))
    assert place is not None
    assert (photo.read_text(), place.stat().st_size) == ("a.jpg", 0)
    undone = undo_moves(tmp_path / "sorted")
    assert (undone.kept, photo.read_text(), place.exists()) == ({}, "a.jpg", False)


def test_copies_leave_the_photos(tmp_path: Path) -> None:
    (photo,) = _photos(tmp_path, "a.jpg")
    place = _sort(PhotoSorter(tmp_path / "sorted", ["x"], copy=True), photo, _answer("x"))
    assert place is not None
    assert (photo.read_text(), place.read_text()) == ("a.jpg", "a.jpg")
    assert undo_moves(tmp_path / "sorted").restored == 0
    assert (photo.exists(), place.exists()) == (True, True)


def test_a_photo_that_was_taken_away_leaves_no_empty_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (photo,) = _photos(tmp_path, "a.jpg")
    sorter = PhotoSorter(tmp_path / "sorted", ["x"])
    place = sorter.claim(photo, _answer("x"))
    assert place is not None
    photo.unlink()
    sorter.place(photo, place)
    assert not place.exists()
    assert caplog.messages == [f"{photo} was answered but not sorted: it is no longer there"]


def test_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photo,) = _photos(tmp_path, "a.jpg")
    original = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self == photo:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    place = _sort(PhotoSorter(tmp_path / "sorted", ["x"]), photo, _answer("x"))
    assert place is not None
    assert (photo.exists(), place.read_text(), len(list(place.parent.iterdir()))) == (False, "a.jpg", 1)


def test_the_commands_sort_and_put_back(command: Callable[..., Any], fitted: Path, birds: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for photo in sorted(birds.rglob("*.jpg"))[::12]:
        inbox.mkdir(exist_ok=True)
        (inbox / f"{photo.parent.name}-{photo.name}").write_bytes(photo.read_bytes())
    (inbox / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    before = {path: path.read_bytes() for path in inbox.iterdir()}
    done = command("predict", fitted, inbox, "--csv", "--move-into", tmp_path / "sorted", "--unsure-below", 0.3)
    assert done.code == 1
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [path.name for path in inbox.iterdir()] == ["broken.jpg"]
    answers = {answer.path: answer for answer in load(fitted).predict(sorted(tmp_path.glob("sorted/*/*.jpg")))}
    for row in rows:
        if row["error"]:
            assert row["moved_to"] == ""
            continue
        answer = answers[row["moved_to"]]
        assert (answer.label, str(answer.unknown).lower()) == (row["label"], row["unknown"])
        sure = "_unsure" if float(row["probability"]) < 0.3 else row["label"]
        assert Path(row["moved_to"]).parent == tmp_path / "sorted" / ("_unknown" if answer.unknown else sure)
        assert Path(row["moved_to"]).read_bytes() == before[Path(row["path"])]
    logged = [json.loads(line) for line in (tmp_path / "sorted" / MOVES_FILE).read_text().splitlines()]
    assert [entry["to"] for entry in logged] == [row["moved_to"] for row in rows if not row["error"]]
    done = command("predict", fitted, tmp_path / "a.jpg", tmp_path / "a.jpg", "--move-into", tmp_path / "other")
    advice = "is named twice, but can move only once: name it once, or use --copy-into"
    assert (done.code, done.err) == (2, f"fieldmark: {tmp_path / 'a.jpg'} {advice}\n")
    done = command("unmove", tmp_path / "sorted")
    assert (done.code, done.err) == (0, f"moved {len(before) - 1} photos back\n")
    assert {path: path.read_bytes() for path in inbox.iterdir()} == before
