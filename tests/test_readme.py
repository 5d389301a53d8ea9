"""What the README shows in Python runs as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from fieldmark_synth import synthesize

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_python_lines_of_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    block = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    records = synthesize(tmp_path / "PHOTOS", 3, 16, size=96)
    for name in ("unknown.jpg", "a.jpg", "b.jpg"):
        shutil.copy(records[0].path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block.group(1), names)
    printed = capsys.readouterr().out.split()
    assert 0.0 < float(printed[-1]) <= 1.0
    assert " ".join(printed[:-1]) in records.classes
    answers, read = names["answers"], names["records"]
    assert isinstance(answers, list)
    assert [len(answer.candidates) for answer in answers] == [3, 3]
    assert isinstance(read, list)
    assert len(read) == 48
