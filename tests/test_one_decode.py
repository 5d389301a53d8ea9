"""How often `fit` and `check` open and decode each photo, counted for real files."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fieldmark
from fieldmark.data.photos import open_photo
from fieldmark.data.prepare import prepare

_opened: Counter[str] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened[str(arguments[0])] += 1


sys.addaudithook(_note)  # Python's own report of every file that is opened, whoever opens it; it stays for the process


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 12 photos; JPEGs that the decoder scales down for 224 px, and PNGs."""
    root = tmp_path_factory.mktemp("counted")
    random = np.random.default_rng(0)
    for name, tint in (("blue", (0, 60, 190)), ("red", (190, 60, 0))):
        (root / name).mkdir()
        for number in range(12):
            small = np.clip(random.integers(0, 120, (6, 8, 3)) + np.array(tint), 0, 255).astype(np.uint8)
            ending = "png" if number % 4 == 0 else "jpg"
            Image.fromarray(small).resize((640, 480), 3).save(root / name / f"{number}.{ending}")
    return root


@pytest.fixture
def counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Counter[str], Counter[str]]]:
    """Opens and decodes of each file while nothing is in the cache."""
    global _opened
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path / "cache"))
    decoded: Counter[str] = Counter()
    load = open_photo.load_pixels

    def counting(image: Any, name: str) -> None:
        decoded[name] += 1
        load(image, name)

    monkeypatch.setattr(open_photo, "load_pixels", counting)
    _opened = Counter()
    yield _opened, decoded
    _opened = None


def _of(counter: Counter[str], photos: Path) -> list[int]:
    return [counter[str(path)] for path in sorted(photos.rglob("*.*"))]


def test_check_opens_and_decodes_each_photo_once(photos: Path, counts: tuple[Counter[str], Counter[str]]) -> None:
    fieldmark.check(photos)
    assert [_of(one, photos) for one in counts] == [[1] * 24, [1] * 24]


def test_fit_opens_and_decodes_each_photo_once(
    photos: Path, tmp_path: Path, counts: tuple[Counter[str], Counter[str]]
) -> None:
    fieldmark.fit(photos, tmp_path / "model", method="linear_probe", poolings=("avg", "cov"))
    assert [_of(one, photos) for one in counts] == [[1] * 24, [1] * 24]


def test_a_network_that_needs_another_scale_decodes_its_photos_once_more(
    photos: Path, tmp_path: Path, counts: tuple[Counter[str], Counter[str]]
) -> None:
    fieldmark.fit(photos, tmp_path / "model", method="linear_probe", image_size=64, test_fraction=0.25)
    found = [_of(one, photos) for one in counts]
    known = prepare(fieldmark.read(photos), test_fraction=0.25).photos.for_training().records.paths
    expected = [1 + (path in known and path.suffix == ".jpg") for path in sorted(photos.rglob("*.*"))]
    assert found == [expected, expected]  # PNG has no scales, and test photos are only looked over
