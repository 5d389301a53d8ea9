"""The advice that ends a fit: from what the training predicted without having seen it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from fieldmark.data.photo_table import PhotoTable
from fieldmark.evaluation.fit_advice import fit_advice
from fieldmark.structures import Record, RecordList
from fieldmark.training.frozen.try_candidate import _minutes
from fieldmark.training.member import OutOfFold, Trained


def _table(per_class: list[int], val: int) -> PhotoTable:
    records = [
        Record(Path(f"{label}-{number}.jpg"), label, "val" if number < val else "train")
        for label, count in enumerate(per_class)
        for number in range(count + val)
    ]
    listed = RecordList(records, ["alder", "beech", "cedar"])
    return PhotoTable.of(listed, range(len(records)), [f"{number:032x}" for number in range(len(records))])


def _member(**arrays: Any) -> Any:
    return SimpleNamespace(**{"out_of_fold": None, "learned_val": False, "spec": SimpleNamespace(weight=1.0)} | arrays)


def test_cross_validation_shows_twins_and_the_photos_show_rare_classes() -> None:
    photos = _table([30, 30, 6], 4)
    labels = photos.of_split("train").labels
    predicted = labels.copy()
    predicted[:15], predicted[30:44] = 1, 0
    folds = OutOfFold((np.eye(3)[predicted] * 5).astype(np.float32), np.ones(len(labels), dtype=np.bool_))
    member = _member(out_of_fold=folds, val_logits=np.eye(3)[[0] * 12])
    lines = fit_advice(Trained([member], next_step="try this"), photos)
    assert lines == [
        "few photos of cedar (6); half of the classes have 30 or more: "
        "add photos of it first, of other days and places",
        "alder and beech may be one class: 31 of 60 photos are told apart, chance is about half: "
        "look at both side by side; join them, or separate them by better labels or larger photos",
        "try this",
    ]


def test_without_cross_validation_the_val_photos_speak() -> None:
    photos = _table([30, 30, 30], 20)
    truth = photos.of_split("val").labels
    predicted = truth.copy()
    predicted[:10], predicted[20:29] = 1, 0
    lines = fit_advice(Trained([_member(val_logits=np.eye(3)[predicted] * 5)]), photos)
    assert len(lines) == 1
    assert lines[0].startswith("alder and beech may be one class: 21 of 40")
    assert fit_advice(Trained([_member(val_logits=np.eye(3)[truth] * 5)]), photos) == []


def test_a_suggested_budget_has_room_for_the_pass() -> None:
    assert [_minutes(seconds) for seconds in (1, 200, 1000)] == ["10m", "10m", "35m"]


def test_fit_ends_with_its_advice(command: Callable[..., Any], birds: Path, tmp_path: Path) -> None:
    for folder in sorted(birds.iterdir()):
        photos = sorted(folder.iterdir())
        for photo in photos[: 8 if folder == min(birds.iterdir()) else 24]:
            (tmp_path / "data" / folder.name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / folder.name / photo.name).write_bytes(photo.read_bytes())
    out = tmp_path / "model"
    done = command("fit", tmp_path / "data", "--out", out, "--method", "linear_probe", "--image-size", 96)
    rare = min(birds.iterdir()).name
    assert f"advice: few photos of {rare} (6)" in done.err
    assert f"- few photos of {rare} (6)" in (out / "README.md").read_text()
