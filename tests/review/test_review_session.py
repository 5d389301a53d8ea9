"""A review from Python: what is asked, what is written, and what check and fit make of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fieldmark
from fieldmark import SettingError
from fieldmark.arrays import softmax
from fieldmark.check.label_errors import LabelCheck
from fieldmark.data.decisions import COLUMNS, read_decisions
from fieldmark.review.expected_gain import wrong_label_chances
from fieldmark.review.review_session import ReviewSession


@pytest.fixture
def session(spoiled: Any, tmp_path: Path) -> ReviewSession:
    return fieldmark.review(spoiled.root, decisions=tmp_path / "decisions.csv", embed=spoiled.embed)


def keys(session: ReviewSession, problem: str) -> list[str]:
    return [item.key for item in session.left() if item.problem == problem]


def test_every_problem_is_an_item_and_the_largest_gain_comes_first(session: ReviewSession, spoiled: Any) -> None:
    items = session.left()
    assert [item.gain for item in items] == sorted((item.gain for item in items), reverse=True)
    suspects = {session.names[item.photos[0]]: item for item in items if item.problem == "label"}
    assert set(spoiled.wrong) <= set(suspects)
    for name, true in spoiled.wrong.items():
        assert suspects[name].suggestions[0].label == true
        assert session.label_of(suspects[name].photos[0]) not in [one.label for one in suspects[name].suggestions]
    codes = {item.code for item in items}
    assert {"label_suspects", "two_labels", "near_duplicates", "few_photos", "empty"} <= codes
    copies = next(item for item in items if item.code == "two_labels")
    assert "copy.jpg" in {session.records[photo].path.name for photo in copies.photos}
    few = next(item for item in items if item.problem == "class")
    assert {session.label_of(photo) for photo in few.photos} == {"few"}
    assert not session.file.exists()


def test_nearest_photos_are_of_the_class_and_not_suspect(session: ReviewSession) -> None:
    item = session.item(keys(session, "label")[0])
    suspects = {photo for key in keys(session, "label") for photo in session.item(key).photos}
    for label in (item.suggestions[0].label, session.label_of(item.photos[0])):
        found = session.nearest(item.photos[0], label)
        assert len(found) == 4
        assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)
        assert all(session.label_of(one.photo) == label and one.photo not in suspects for one in found)


def test_decisions_are_on_disk_at_once_and_undone_in_order(session: ReviewSession) -> None:
    label, copies = keys(session, "label")[0], keys(session, "duplicate")[0]
    before = session.progress()
    session.decide(label, "relabel", label="few")
    assert [(row.verdict, row.label, row.problem) for row in read_decisions(session.file)] == [
        ("relabel", "few", "label")
    ]
    session.decide(copies, "keep only", photo=session.item(copies).photos[0])
    assert sorted(str(row.verdict) for row in read_decisions(session.file)) == ["drop", "keep", "relabel"]
    assert session.progress().left <= before.left - 2
    undone = session.undo()
    assert undone is not None
    assert undone.key == copies
    assert len(read_decisions(session.file)) == 1
    undone = session.undo()
    assert undone is not None
    assert undone.key == label
    assert (session.progress(), session.undo(), session.can_undo) == (before, None, False)
    assert read_decisions(session.file) == []


def test_a_dropped_photo_settles_its_other_items(session: ReviewSession) -> None:
    copies = next(item for item in session.left() if item.code == "two_labels")
    for photo in copies.photos[1:]:
        suspect = f"label:{session.names[photo]}"
        if suspect in keys(session, "label"):
            session.decide(suspect, "drop")
            assert session.is_dropped(photo)
            assert len(copies.photos) > 2 or copies.key not in keys(session, "duplicate")
            return
    session.decide(copies.key, "drop")
    assert not {f"label:{session.names[photo]}" for photo in copies.photos} & set(keys(session, "label"))


def test_a_new_class_is_offered_afterwards_and_keeps_its_spelling(session: ReviewSession) -> None:
    first, second = keys(session, "label")[:2]
    session.decide(first, "relabel", label=" Café ")
    session.decide(second, "relabel", label="Cafe\u0301")
    assert [row.label for row in read_decisions(session.file)] == ["Café", "Café"]
    assert "Café" in session.classes


@pytest.mark.parametrize(
    ("choice", "more", "sentence"),
    [
        ("relabel", {"label": " "}, "expected a name for the new class, but it is empty; give one with --label"),
        ("keep only", {"photo": -1}, "'keep only' needs a photo of the item, but -1 is none: choose one of its photos"),
        (
            "burn",
            {},
            "expected one of keep, relabel, drop, cannot tell, keep only, got 'burn': choose one of them",
        ),
    ],
)
def test_a_choice_that_is_not_possible_changes_nothing(
    session: ReviewSession, choice: Any, more: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingError) as error:
        session.decide(session.left()[0].key, choice, **more)
    assert str(error.value) == sentence
    with pytest.raises(SettingError, match="the review has no item 'gone': load the page again"):
        session.decide("gone", "keep")
    assert not session.file.exists()
    assert not session.can_undo


def test_reopening_continues_and_check_reports_what_remains(session: ReviewSession, spoiled: Any) -> None:
    for name, true in spoiled.wrong.items():
        session.decide(f"label:{name}", "relabel", label=true)
    for item in session.left():
        session.decide(item.key, "drop" if item.problem == "file" else "keep")
    again = fieldmark.review(spoiled.root, decisions=session.file, embed=spoiled.embed)
    assert not {item.key for item in again.left()} & {item.key for item in session.items}
    assert sum(again.progress().decisions.values()) == len(read_decisions(session.file))
    before = {finding.code for finding in fieldmark.check(spoiled.root, fast=True).findings}
    left = fieldmark.check(fieldmark.read(spoiled.root, decisions=session.file), fast=True)
    assert {"empty", "two_labels", "near_duplicates", "few_photos"} <= before
    assert [finding.code for finding in left.findings if finding.code in before] == ["imbalance"]
    assert "decisions" in {finding.code for finding in left.findings}


def test_a_csv_can_be_filled_in_and_fitted(command: Callable[..., Any], spoiled: Any, tmp_path: Path) -> None:
    out = tmp_path / "items.csv"
    done = command("review", spoiled.root, "--fast", "--csv", out)
    assert done.code == 0, done.err
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*COLUMNS, "item", "gain"]
    gains = [float(row["gain"]) for row in rows]
    assert gains == sorted(gains, reverse=True)
    assert read_decisions(out) == []
    again = command("review", spoiled.root, "--fast", "--csv", out)
    assert (again.code, again.err) == (2, f"fieldmark: {out} exists and may hold decisions: name another file\n")
    for row in rows:
        is_copy = row["problem"] == "duplicate" and row["path"].endswith(("copy.jpg", "again.jpg"))
        if row["path"].startswith("few/") or is_copy:
            row["decision"] = "drop"
    for name, true in spoiled.wrong.items():  # rows that a person adds need no hash
        rows.append({"path": name, "decision": "relabel", "label": true})
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    model = tmp_path / "model"
    settings = ("--method", "linear_probe", "--image-size", 64)
    done = command("fit", spoiled.root, "--out", model, "--decisions", out, *settings)
    assert done.code == 0, done.err
    recognizer = fieldmark.load(model)
    assert "few" not in recognizer.classes
    recorded = {row.path: row.label for row in recognizer.split()}
    assert {name: recorded[name] for name in spoiled.wrong} == spoiled.wrong
    assert not {name for name in recorded if name.endswith(("copy.jpg", "again.jpg"))}
    # The folder still has the old labels; the model measures itself on its own.
    test = recognizer.evaluate()
    names = {record.path.relative_to(spoiled.root).as_posix(): record.label for record in test.records}
    assert {name: recognizer.classes[label] for name, label in names.items()} == {
        name: recorded[name] for name in names
    }
    left = json.loads(command("check", spoiled.root, "--fast", "--decisions", out, "--json").out)
    assert "two_labels" not in {finding["code"] for finding in left["findings"]}


def test_the_chance_of_a_wrong_label_follows_bayes_and_finds_the_share_of_noise() -> None:
    rng = np.random.default_rng(0)
    classes, count, share = 6, 6000, 0.08
    logits = rng.normal(size=(count, classes)) * 4
    probabilities = softmax(logits)
    true = (probabilities.cumsum(1) > rng.random((count, 1))).argmax(1)
    noisy = rng.random(count) < share
    given = np.where(noisy, (true + rng.integers(1, classes, count)) % classes, true)
    own = probabilities[np.arange(count), given]
    bayes = share * (1 - own) / (classes - 1)
    expected = bayes / (bayes + (1 - share) * own)
    for temperature in (1.0, 0.5, 2.0):  # a head that is too unsure or too sure says the same
        check = LabelCheck(np.arange(count), np.arange(classes), given, softmax(logits / temperature))
        found = wrong_label_chances(check)
        assert abs(found.mean() - share) < 0.02
        np.testing.assert_allclose(found, expected, atol=0.1)
        assert np.corrcoef(found, expected)[0, 1] > 0.99


def test_a_fast_review_needs_no_network(spoiled: Any, tmp_path: Path) -> None:
    found = fieldmark.review(spoiled.root, decisions=tmp_path / "decisions.csv", fast=True)
    problems = {item.problem for item in found.left()}
    assert problems == {"duplicate", "class", "file"}
    assert found.nearest(0, "few") == []
    assert repr(found) == f"ReviewSession({len(found.left())} of {len(found.items)} items left, {found.file})"
