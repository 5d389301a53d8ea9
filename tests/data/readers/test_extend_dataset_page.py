"""The walk-through in docs/extend/dataset.md works as it stands on the page."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark.data.readers import READERS

PAGE = Path(__file__).parents[3] / "docs" / "extend" / "dataset.md"


def test_the_reader_of_the_page_passes_the_test_of_the_page(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reader, test = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    READERS.load_all()
    for part in ("_objects", "_before"):
        monkeypatch.setattr(READERS, part, dict(getattr(READERS, part)))
    module = types.ModuleType("food101")
    monkeypatch.setitem(sys.modules, "food101", module)
    exec(compile(reader, "food101.py", "exec"), module.__dict__)
    page: dict[str, Callable[..., None]] = {}
    exec(compile(test, "test_reader_food101.py", "exec"), page)
    page["test_food101"](write)


def test_every_layout_is_described() -> None:
    text = (PAGE.parents[1] / "datasets.md").read_text(encoding="utf-8")
    assert [name for name in READERS if f"`{name}`" not in text] == []


def test_every_helper_of_the_page_exists() -> None:
    folder = Path(__file__).parents[3] / "src/fieldmark/data/readers"
    helpers = set(re.findall(r"^\| `(_\w+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert helpers == {path.stem for path in folder.glob("_[a-z]*.py")} - {"_birds"}
