"""``fieldmark advise``: the command, its JSON and its page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fieldmark
from fieldmark.check.advise_data import advise
from fieldmark.data.read import read


def test_the_command_and_its_page(
    command: Callable[..., Any], birds: Path, tmp_path: Path, fits_a_phone: Callable[[Path], None]
) -> None:
    page = tmp_path / "advice.html"
    done = command("advise", birds, "--json", "--out", page)
    assert done.code == 0
    found = json.loads(done.out)
    assert (found["num_photos"], found["num_classes"]) == (96, 4)
    points = found["learning_curve"]["points"]
    assert [point["measured"] for point in points] == [True] * 5 + [False] * 2
    assert points[-1]["photos_per_class"] == 48
    assert all(point["accuracy"]["low"] <= point["accuracy"]["value"] <= point["accuracy"]["high"] for point in points)
    classes = sorted(one["label"] for one in found["learning_curve"]["by_class"])
    assert classes == sorted(path.name for path in birds.iterdir())
    assert found["next_steps"]
    fits_a_phone(page)
    text = page.read_text()
    assert all(name in text for name in classes)
    again = fieldmark.advise(birds).to_dict()
    again["seconds"] = found["seconds"]
    assert json.loads(json.dumps(again)) == found


def test_the_test_split_is_not_read(birds: Path) -> None:
    records = read(birds)
    marked = records.like(record.with_split("test" if row % 3 == 0 else "train") for row, record in enumerate(records))
    opened: list[Path] = []

    def embed(paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0) -> np.ndarray:
        opened.extend(paths)
        generator = np.random.default_rng(0)
        means = {name: generator.normal(size=16) for name in sorted({path.parent.name for path in paths})}
        return np.stack([means[path.parent.name] + generator.normal(size=16) for path in paths]).astype(np.float32)

    found = advise(marked, embed=embed)
    assert opened == [record.path for record in marked if record.split == "train"]
    assert found.num_photos == len(opened)
    assert found.curve.now.accuracy.value > 0.5


def test_too_few_photos(command: Callable[..., Any], tmp_path: Path, birds: Path) -> None:
    for photo in sorted(birds.rglob("*.jpg"))[::8]:
        (tmp_path / "few" / photo.parent.name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "few" / photo.parent.name / photo.name).write_bytes(photo.read_bytes())
    done = command("advise", tmp_path / "few")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "fieldmark: a learning curve needs at least 50 photos of two classes outside the test split, but "
        f"{tmp_path / 'few'} has 12 of 4: add photos\n"
    )


@pytest.mark.parametrize("name", ["none"])
def test_data_that_are_not_there(command: Callable[..., Any], tmp_path: Path, name: str) -> None:
    done = command("advise", tmp_path / name)
    assert done.code == 2
    assert "found nothing" in done.err
