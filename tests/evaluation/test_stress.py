"""The same photos, changed: what is measured, and that it can be measured again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldmark import DataError, Recognizer
from fieldmark.evaluation import stress as module
from fieldmark.evaluation.backgrounds import BACKGROUNDS
from fieldmark.evaluation.distortions import DISTORTIONS
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.evaluation.stress import Stress, stress
from fieldmark.structures import RecordList

FEW = 8


@pytest.fixture(scope="module")
def recognizer(fitted: Path) -> Recognizer:
    return Recognizer(fitted)


@pytest.fixture(scope="module")
def records(recognizer: Recognizer) -> RecordList:
    """Test photos with boxes."""
    found = photos_of_split(recognizer, None, "test")
    return found.like(replace(record, box=(24.0, 24.0, 104.0, 104.0)) for record in found)


@pytest.fixture(scope="module", autouse=True)
def _few_levels() -> Iterator[None]:
    """Two changes and all backgrounds, at one strength each."""
    with pytest.MonkeyPatch.context() as patch:
        changes = [replace(change, strengths=change.strengths[-1:]) for change in (DISTORTIONS[1], DISTORTIONS[7])]
        swaps = [replace(change, strengths=change.strengths[-1:]) for change in BACKGROUNDS]
        patch.setattr(module, "DISTORTIONS", changes)
        patch.setattr(module, "BACKGROUNDS", swaps)
        yield


@pytest.fixture(scope="module")
def found(recognizer: Recognizer, records: RecordList) -> Stress:
    return stress(recognizer, records, limit=FEW)


def test_every_change_is_measured(found: Stress) -> None:
    names = ["rotate", "blur", "background_blur", "background_grey", "background_swap"]
    assert list(found.changes) == names
    assert found.num_images == FEW
    assert not found.skipped
    assert found.mean_drop == pytest.approx(np.mean([found.drop(name) for name in names]))
    for levels in found.changes.values():
        assert all(0 <= level.top1_accuracy <= 1 for level in levels)


def test_the_seed_gives_the_same_figures(recognizer: Recognizer, records: RecordList, found: Stress) -> None:
    assert stress(recognizer, records, limit=FEW) == found


def test_unchanged_photos_are_those_of_the_evaluation(recognizer: Recognizer, records: RecordList) -> None:
    answers = recognizer.predict(records.paths)
    right = [answer.label == records.classes[record.label] for answer, record in zip(answers, records, strict=True)]
    assert stress(recognizer, records, limit=len(records)).top1_accuracy == pytest.approx(np.mean(right))


def test_without_boxes_no_other_backgrounds(recognizer: Recognizer, records: RecordList) -> None:
    bare = stress(recognizer, records.like(replace(record, box=None) for record in records), limit=2)
    assert list(bare.changes) == ["rotate", "blur"]
    assert set(bare.skipped) == {"background_blur", "background_grey", "background_swap"}
    assert set(bare.skipped.values()) == {"the data have no box of the object"}


def test_strength_zero_loses_nothing(recognizer: Recognizer, records: RecordList, monkeypatch: Any) -> None:
    for name in ("DISTORTIONS", "BACKGROUNDS"):
        monkeypatch.setattr(module, name, [replace(change, strengths=(0.0,)) for change in getattr(module, name)])
    levels = stress(recognizer, records, limit=FEW)
    assert levels.mean_drop == 0


def test_an_unreadable_photo_is_left_out(recognizer: Recognizer, records: RecordList, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"")
    bad = replace(records[0], path=tmp_path / "bad.jpg")
    assert stress(recognizer, records.like([*records[:2], bad]), limit=3).num_images == 2
    with pytest.raises(DataError) as raised:
        stress(recognizer, records.like([bad]))
    assert str(raised.value) == "none of the 1 photos could be read; run 'fieldmark check' on them"


def test_the_command(model_copy: Path, command: Callable[..., Any]) -> None:
    result = command("evaluate", model_copy, "--json", "--stress", "--stress-photos", 4)
    printed = json.loads(result.out)["stress"]
    assert result.code == 0
    assert printed["num_images"] == 4
    assert [set(level) for level in printed["changes"]["blur"]] == [{"strength", "top1_accuracy"}]
    assert "mean drop over all changes" in result.err
    assert "skipped: background_swap: the data have no box of the object" in result.err
