"""What the READMEs show in Python runs as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from fieldmark_synth import synthesize

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


def test_both_languages_show_the_same_lines(blocks: list[str]) -> None:
    assert blocks[0] == blocks[1]


def test_the_python_lines_of_the_readme_run(
    blocks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = synthesize(tmp_path / "PHOTOS", 3, 16, size=96)
    shutil.copy(records[0].path, tmp_path / "unknown.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(blocks[0], names)
    printed = capsys.readouterr().out.split()
    assert 0.0 < float(printed[-1]) <= 1.0
    assert " ".join(printed[:-1]) in records.classes
    assert getattr(names["evidence"], "label", None) == " ".join(printed[:-1])
