"""A model folder written by Fieldmark 0.1.0 still loads and gives the same answers. The folder never changes."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from fieldmark import Answer, load
from fieldmark.recognizer.enroll import unenroll
from fieldmark.recognizer.nearest import nearest_photos

HERE = Path(__file__).parent / "model_0_1"
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
ENROLLED = "Rose-breasted Vale Thrush"


@pytest.fixture
def photos(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(HERE / "photos")
    return sorted(path.name for path in Path().iterdir())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy, since some tests change it and opening a gallery may write into its folder."""
    return shutil.copytree(HERE / "model", tmp_path / "model")


def _close(found: Any, expected: Any) -> bool:
    """Equal, with numbers equal to 1e-5."""
    if isinstance(expected, float) and not isinstance(found, bool):
        return found == pytest.approx(expected, abs=1e-5)
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_close(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(_close, found, expected))
    return bool(found == expected)


def _same(found: list[Answer] | Answer, expected: Any) -> bool:
    answers = [answer.to_dict() for answer in found] if isinstance(found, list) else found.to_dict()
    return _close(json.loads(json.dumps(answers)), expected)


def test_it_names_its_classes_and_describes_itself(model: Path) -> None:
    recognizer = load(model)
    assert recognizer.classes[-1] == ENROLLED
    assert len(recognizer.classes) == 6
    assert recognizer.manifest.fieldmark == "0.1.0"
    assert len(recognizer.split()) == 120


def test_its_answers_are_the_same(model: Path, photos: list[str]) -> None:
    assert _same(load(model).predict(photos), EXPECTED["answers"])


def test_its_prediction_sets_and_ranks_are_the_same_at_other_levels(model: Path, photos: list[str]) -> None:
    assert _same(load(model).predict(photos, coverage=0.7, target_accuracy=0.5), EXPECTED["answers_at_levels"])


def test_its_answer_for_a_specimen_is_the_same(model: Path, photos: list[str]) -> None:
    found = load(model).predict_specimen(photos[:3], group="one bird", coverage=0.7)
    assert _same(found, EXPECTED["specimen"])


def test_it_finds_the_same_known_photos(model: Path, photos: list[str]) -> None:
    found, errors = nearest_photos(load(model), photos[:1], 3)
    assert not errors
    assert _close([asdict(neighbour) for neighbour in found[0]], EXPECTED["search"])


def test_its_evidence_map_is_the_same(model: Path, photos: list[str]) -> None:
    found = json.loads(json.dumps(load(model).explain(photos[0]).to_dict()))
    expected = EXPECTED["explanation"]
    assert found.keys() >= expected.keys()
    wording = {"path", "how"}
    assert _close(
        {key: found[key] for key in expected if key not in wording},
        {key: value for key, value in expected.items() if key not in wording},
    )


def test_an_enrolled_class_can_be_taken_back(model: Path, photos: list[str]) -> None:
    unenroll(model, ENROLLED)
    recognizer = load(model)
    assert ENROLLED not in recognizer.classes
    assert _same(recognizer.predict(photos), EXPECTED["answers_after_unenroll"])
