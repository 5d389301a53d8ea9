"""What the READMEs show in Python runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    """The code of both languages, without its comments."""
    found = []
    for name in ("README.md", "README.zh-CN.md"):
        block = re.search(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
        assert block is not None
        found.append(re.sub(r"  #.*", "", block[1]))
    return found


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """Class folders of twelve photos: a disc in one of three colours on grey, so easy that one backbone is enough."""
    draw, root = np.random.default_rng(0), tmp_path / "PHOTOS"
    for colour in ("red", "green", "blue"):
        (root / colour).mkdir(parents=True)
        for number in range(12):
            photo = Image.fromarray(draw.integers(0, 256, (4, 4), dtype=np.uint8)).resize((96, 96)).convert("RGB")
            left, top, side = (int(value) for value in draw.integers((5, 5, 30), (40, 40, 50)))
            ImageDraw.Draw(photo).ellipse((left, top, left + side, top + side), fill=colour)
            photo.save(root / colour / f"{number}.png")
    return root


def test_both_languages_show_the_same_lines(blocks: list[str]) -> None:
    assert blocks[0] == blocks[1]


def test_the_python_lines_of_the_readme_run(
    blocks: list[str], discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.open(discs / "red" / "0.png").save(tmp_path / "unknown.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(blocks[0], names)
    label, confidence = capsys.readouterr().out.split()
    assert label == "red"
    assert 0.0 < float(confidence) <= 1.0
    assert getattr(names["evidence"], "label", None) == label
