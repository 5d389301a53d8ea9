"""Labelling from Python: the order, the file, fits in between, and undo."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import fieldmark
from fieldmark import DataError, SettingError
from fieldmark.review.label_session import LabelSession


@pytest.fixture
def session(pool: Path, known_model: fieldmark.Recognizer, tmp_path: Path) -> Iterator[LabelSession]:
    return fieldmark.label(pool, known_model, out=tmp_path / "labels.csv", refit_every=4)


def true_label(path: Path) -> str:
    return path.name.split(".")[0]


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_photos_that_the_model_knows_copies_and_broken_files_are_not_asked_for(session: LabelSession) -> None:
    names = {photo.name for photo in session.pool.photos}
    assert len(names) == session.progress().total == 24
    assert not {"zz-known.jpg", "zz-broken.jpg", "zz-copy.jpg"} & names
    assert session.pool.left_out == 1
    assert [path.name for path in session.pool.unreadable] == ["zz-broken.jpg"]
    assert not session.file.exists()


def test_suggestions_are_probabilities_of_the_models_classes(
    session: LabelSession, known_model: fieldmark.Recognizer
) -> None:
    for photo in session.next(5):
        found = session.suggestions(photo)
        assert {one.label for one in found} == set(known_model.classes)
        assert sum(one.probability for one in found) == pytest.approx(1)
        assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)
        example = session.example(photo, found[1].label)
        assert example is not None
        assert example.label == found[1].label
    assert session.example(0, "no class") is None


def test_each_label_is_on_disk_at_once_and_fit_reads_the_file(session: LabelSession) -> None:
    asked = []
    while photo := session.next():
        asked += photo
        session.answer(photo[0], true_label(session.pool.photos[photo[0]]))
        assert len(rows(session.file)) >= len(asked)
        session.refit_if_due()
    assert sorted(asked) == list(range(24))
    assert session.progress().fits == 6
    records = fieldmark.read(session.file)
    assert len(records) == 25  # the copy of a photo has its label
    assert all(record.path.is_file() for record in records)
    copied = next(record for record in records if record.path.name == "zz-copy.jpg")
    assert records.classes[copied.label] == true_label(sorted(session.pool.folder.iterdir())[0])


def test_a_new_class_is_suggested_after_the_next_fit(session: LabelSession) -> None:
    photos = [index for index, path in enumerate(session.pool.photos) if true_label(path) == session.classes[0]][:5]
    for photo in photos[:4]:
        assert session.answer(photo, " Café ") == "Café"
    assert "Café" in session.classes
    assert "Café" not in {one.label for one in session.suggestions(photos[4])}
    session.refit_if_due()
    assert session.progress().until_fit == 4
    before = next(one for one in session.suggestions(photos[4]) if one.label == "Café").probability
    other = next(index for index, path in enumerate(session.pool.photos) if true_label(path) == session.classes[-1])
    assert before > next(one for one in session.suggestions(other) if one.label == "Café").probability


def test_undo_brings_the_photo_back(session: LabelSession) -> None:
    first, second = session.next(2)
    session.answer(first, "A")
    session.answer(second, "B")
    assert session.undo() == second
    assert session.next() == [second]
    assert [row["label"] for row in rows(session.file)][-1] == "A"
    assert session.undo() == first
    assert (session.undo(), session.can_undo, session.progress().labelled) == (None, False, 0)
    assert rows(session.file) == []


def test_skipped_photos_come_last(session: LabelSession) -> None:
    (first,) = session.next()
    session.skip(first)
    seen = []
    while (photo := session.next()[0]) != first:
        seen.append(photo)
        session.answer(photo, "A")
    assert len(seen) == 23
    assert session.progress().skipped == 1
    session.answer(first, "A")
    assert session.next() == []


def test_reopening_continues_also_where_folder_and_file_have_moved(
    pool: Path, known_model: fieldmark.Recognizer, tmp_path: Path
) -> None:
    place = tmp_path / "work"
    shutil.copytree(pool, place / "photos")
    session = fieldmark.label(place / "photos", known_model, out=place / "labels.csv")
    chosen = session.next(3)
    for photo in chosen:
        session.answer(photo, true_label(session.pool.photos[photo]))
    moved = place.rename(tmp_path / "elsewhere")
    again = fieldmark.label(moved / "photos", known_model, out=moved / "labels.csv")
    assert again.progress().labelled == 3
    assert {path.name: label for path, label in again.labels.items()} == {
        session.pool.photos[photo].name: true_label(session.pool.photos[photo]) for photo in chosen
    }
    assert not {again.pool.photos[photo].name for photo in again.next(40)} & {path.name for path in again.labels}
    assert next(row["path"] for row in rows(moved / "labels.csv")).startswith("photos/")


def test_labels_bring_the_head_to_know_them(session: LabelSession) -> None:
    """Photos that were labelled are predicted as they were labelled, and certain photos come after uncertain ones."""
    for photo in session.next(8):
        session.answer(photo, true_label(session.pool.photos[photo]))
    session.refit()
    right = [session.suggestions(index)[0].label == label for index, label in session._labels.items()]
    assert np.mean(right) > 0.8


@pytest.mark.parametrize("photo", [-1, 24])
def test_numbers_that_are_no_photo_are_refused(session: LabelSession, photo: int) -> None:
    with pytest.raises(SettingError, match=f"the folder has no photo number {photo}: load the page again"):
        session.answer(photo, "A")


def test_a_folder_without_anything_to_label_is_one_sentence(
    birds: Path, known_model: fieldmark.Recognizer, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as error:
        fieldmark.label(birds, known_model, out=tmp_path / "labels.csv")
    assert str(error.value) == (
        f"the folder {birds} has nothing to label (the model knows all 96 of them): name a folder with other photos"
    )
    (tmp_path / "other.csv").write_text("photo,class\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"expected the columns path and label in .*other\.csv, found photo, class"):
        fieldmark.label(birds.parent, known_model, out=tmp_path / "other.csv")
