"""A class joins, and leaves as if it had never been there; whatever fails on the way changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldmark import Answer, DataError, ModelError, Recognizer, SettingError
from fieldmark.artifact.generations import Change
from fieldmark.recognizer.enroll import enroll, unenroll
from fieldmark.recognizer.nearest import nearest_photos


@pytest.fixture
def stripes(tmp_path: Path) -> list[Path]:
    """Eight photos of something that is no bird: stripes in noise."""
    paths = []
    for index in range(8):
        rng = np.random.default_rng(index)
        picture = rng.integers(0, 60, (96, 96, 3)) + 190 * (np.arange(96)[:, None, None] // 6 % 2)
        path = tmp_path / "stripes" / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.minimum(picture, 255).astype(np.uint8)).save(path)
        paths.append(path)
    return paths


def _answers(model: Path, photos: list[Path]) -> list[Answer]:
    return Recognizer(model).predict(photos, top_k=9)


def _files(model: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()}


def test_a_newcomer_is_known_and_the_old_classes_keep_their_answers(
    model_copy: Path, birds: Path, stripes: list[Path]
) -> None:
    photos = sorted(birds.rglob("*.jpg"))[::6]
    before = Recognizer(model_copy).scores(photos).probabilities
    outcome = enroll(model_copy, "stripes", stripes[:5])
    recognizer = Recognizer(model_copy)
    assert recognizer.classes[-1] == "stripes"
    answers = recognizer.predict(stripes[5:])
    assert [answer.label for answer in answers] == ["stripes"] * 3
    assert [answer.unknown for answer in answers] == [False] * 3
    after = recognizer.scores(photos).probabilities
    np.testing.assert_array_equal(after[:, :-1].argmax(1), before.argmax(1))
    far = after[:, -1] == 0
    np.testing.assert_array_equal(after[far, :-1], before[far])
    assert far.mean() > 0.5
    assert (outcome.photos, outcome.taken, outcome.own_found) == (5, {}, 1.0)
    assert outcome.accuracy_before == outcome.accuracy_after
    assert sum(outcome.nearest.values()) == 5
    near = nearest_photos(recognizer, [stripes[6]], k=3)[0][0]
    assert {(one.label, one.split) for one in near} == {("stripes", "enrolled")}


def test_taken_back_it_leaves_no_trace_in_the_answers(model_copy: Path, birds: Path, stripes: list[Path]) -> None:
    photos = [*sorted(birds.rglob("*.jpg"))[::12], *stripes[6:]]
    before, files = _answers(model_copy, photos), Recognizer(model_copy).manifest.checksums
    neighbours = nearest_photos(Recognizer(model_copy), photos)
    enroll(model_copy, "stripes", stripes[:2])
    enroll(model_copy, "more stripes", stripes[2:4])
    unenroll(model_copy, "stripes")
    assert Recognizer(model_copy).open_set.labels == ("more stripes",)
    unenroll(model_copy, "more stripes")
    assert _answers(model_copy, photos) == before
    assert nearest_photos(Recognizer(model_copy), photos) == neighbours
    assert Recognizer(model_copy).manifest.checksums == files


@pytest.mark.parametrize("step", ["add", "commit"])
def test_a_crash_changes_nothing_and_the_next_try_succeeds(
    model_copy: Path, birds: Path, stripes: list[Path], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    photos = [next(birds.rglob("*.jpg")), stripes[7]]
    before, neighbours = _answers(model_copy, photos), nearest_photos(Recognizer(model_copy), photos)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Change, step, crash)
        with pytest.raises(KeyboardInterrupt):
            enroll(model_copy, "stripes", stripes[:3])
    assert _answers(model_copy, photos) == before
    assert nearest_photos(Recognizer(model_copy), photos) == neighbours
    enroll(model_copy, "stripes", stripes[:3])
    assert len(list(model_copy.glob("enrolled-*"))) == 1
    assert [row.split for row in Recognizer(model_copy).gallery.rows()].count("enrolled") == 3


def test_bad_input_is_one_sentence_and_changes_nothing(model_copy: Path, stripes: list[Path], tmp_path: Path) -> None:
    files = _files(model_copy)
    taken = Recognizer(model_copy).classes[0]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no photo")
    cases: list[tuple[str, list[Path], type[Exception], str]] = [
        (
            taken,
            stripes[:1],
            SettingError,
            f"the model already has a class '{taken}'; choose another name, or unenroll ",
        ),
        ("  ", stripes[:1], SettingError, "expected a name for the new class, but it is empty; give one with --label"),
        ("new", [], DataError, "expected photos of 'new', but got none; one to five are enough"),
        ("new", [*stripes[:2], broken], DataError, "1 of 3 photos cannot be read ("),
    ]
    for label, photos, kind, text in cases:
        with pytest.raises(kind) as raised:
            enroll(model_copy, label, photos)
        assert str(raised.value).startswith(text)
    with pytest.raises(SettingError, match="was trained, not enrolled"):
        unenroll(model_copy, taken)
    with pytest.raises(SettingError) as raised:
        unenroll(model_copy, "nobody")
    assert str(raised.value) == f"the model {model_copy} has no enrolled classes, so 'nobody' cannot be unenrolled"
    assert _files(model_copy) == files
    enroll(model_copy, "stripes", stripes[:1])
    with pytest.raises(SettingError, match="unknown enrolled class 'nobody'"):
        unenroll(model_copy, "nobody")


def test_a_model_without_memory_or_gallery_says_so(model_copy: Path, stripes: list[Path]) -> None:
    file = model_copy / "fieldmark.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"gallery": content["gallery"] | {"key": "another"}}))
    with pytest.raises(ModelError, match="was made by another model"):
        enroll(model_copy, "stripes", stripes[:2])
    file.write_text(json.dumps(content | {"gallery": None, "memory": None, "unknown": None, "gates": []}))
    assert Recognizer(model_copy).predict(stripes[0]).unknown is None
    with pytest.raises(ModelError, match="has no gallery: fit it again"):
        enroll(model_copy, "stripes", stripes[:2])
    file.write_text(json.dumps(content | {"gates": []}))
    with pytest.raises(ModelError) as raised:
        enroll(model_copy, "stripes", stripes[:2])
    assert str(raised.value) == (
        f"the model {model_copy} was made from too few photos to estimate what a new class would cost; "
        "fit it again with at least two classes of two photos"
    )


def test_the_commands(model_copy: Path, stripes: list[Path], command: Callable[..., Any]) -> None:
    done = command("enroll", model_copy, "--label", "stripes", stripes[0].parent, "--json")
    printed = json.loads(done.out)
    assert (done.code, printed["label"], printed["photos"]) == (0, "stripes", 8)
    again = command("enroll", model_copy, "--label", "stripes", stripes[0])
    assert (again.code, again.out) == (2, "")
    assert "already has a class 'stripes'" in again.err
    left = command("unenroll", model_copy, "--label", "stripes")
    assert left.code == 0
    assert "its answers are those from before" in left.err
    told = command("enroll", model_copy, "--label", "stripes", *stripes[:2])
    assert "correct before" in told.err
    assert "its photos are nearest to" in told.err
