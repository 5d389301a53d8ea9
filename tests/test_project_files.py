"""The files about the project agree with each other and with the code."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_one_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == VERSION
    newest = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == VERSION


def test_hooks_are_the_commands_of_make_test() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in hooks[0]["hooks"]]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for entry in entries:
        program, _, rest = entry.partition(" ")
        assert f"$(BIN)/{program}" in makefile or (ROOT / rest).is_file(), entry


def test_modules_that_the_migration_note_names_exist() -> None:
    page = (ROOT / "docs" / "migrate.md").read_text(encoding="utf-8")
    table = page[page.index("Modules inside the package moved") :]
    rows = re.findall(r"^\| (`fieldmark[^|]*) \| ([^|]*`fieldmark[^|]*) \|$", table, re.MULTILINE)
    assert len(rows) > 10
    for _, new in rows:
        first = ""
        for name in re.findall(r"`([\w.]+)`", new):
            first = name if name.startswith("fieldmark") else f"{first.rpartition('.')[0]}{name}"
            home, _, attribute = first.rpartition(".")
            module = importlib.import_module(home)
            assert hasattr(module, attribute) or importlib.import_module(first), first
