"""docs/reference/json.md lists the fields that the commands print, no more and no fewer."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "json.md"
OF_THE_COMMAND = {"columns", "content", "moved_to", "unknown_group", "unknown_nearest", "unknown_parent"}
"""Fields that `predict` adds to an answer, for tables, `--watch`, moved photos and `--group-unknown`."""
ONLY_SOMETIMES = {"predict": {"box", "coverage", "error", "group", "photos", "answers"} | OF_THE_COMMAND}


def fields(command: str) -> list[str]:
    section = re.search(rf"^## {command}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert section is not None, f"the page has no section '{command}'"
    first_cells = re.findall(r"^\| (`[^|]*`) \|", section[1], re.MULTILINE)
    return [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]


@pytest.mark.parametrize("verb", ["predict", "evaluate", "search", "explain", "enroll", "feedback", "versions"])
def test_the_page_lists_the_fields(
    verb: str, command: Callable[..., Any], model_copy: Path, birds: Path, tmp_path: Path
) -> None:
    photo = shutil.copy(sorted(birds.rglob("*.jpg"))[0], tmp_path / "photo.jpg")
    arguments: dict[str, list[object]] = {
        "predict": [photo],
        "search": [photo],
        "explain": [photo, "--out", tmp_path / "explained"],
        "enroll": [photo, "--label", "New"],
    }
    if verb == "feedback":
        command("feedback", model_copy, photo, "--label", "New")
    printed = json.loads(command(verb, model_copy, *arguments.get(verb, []), "--json").out)
    found = set(printed[0] if isinstance(printed, list) else printed)
    listed = set(fields(verb))
    assert found <= listed
    assert listed - found <= ONLY_SOMETIMES.get(verb, set())


def test_the_page_lists_every_field_of_an_answer() -> None:
    from fieldmark import Answer

    assert set(fields("predict")) == set(Answer.__dataclass_fields__) | OF_THE_COMMAND
