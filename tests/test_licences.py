"""The licences of all packages that Fieldmark needs."""

from __future__ import annotations

import importlib.util
import sys
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "licences.py"


@pytest.fixture(scope="module")
def licences() -> Any:
    spec = importlib.util.spec_from_file_location("licences", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["licences"] = module
    spec.loader.exec_module(module)
    return module


def test_every_package_is_permissive_or_a_stated_exception(licences: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert licences.main(["serve", "heic", "dev"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) > 50
    names = {line.split()[0] for line in listed}
    assert {"numpy", "torch", "onnxruntime", "pydantic"} <= names
    assert "fieldmark" not in names


def test_what_contains_another_licence_is_named_and_only_developers_need_it(
    licences: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    extras = ["serve", "heic", "hub", "docs"]
    assert not {each.name for each in licences.packages("fieldmark", extras)} & set(licences.CONTAINED)
    assert licences.main(["dev"]) == 0
    listed = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    if "axe-playwright-python" in listed:
        assert listed["axe-playwright-python"].endswith(
            "[contains axe-core, MPL-2.0: tests use it unchanged; Fieldmark does not distribute it]"
        )


@pytest.mark.parametrize(
    ("licence", "permissive"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("BSD-3-Clause", True),
        ("Apache License Version 2.0,", True),
        ("GPL-2.0-only OR MIT", True),
        ("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("MIT AND GPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("LGPL-2.1-or-later", False),
        ("MPL-2.0", False),
        ("LicenseRef-NVIDIA-Proprietary", False),
        ("none stated", False),
        ("", False),
    ],
)
def test_what_counts_as_permissive(licences: Any, licence: str, permissive: bool) -> None:
    assert licences.Package("x", "1", licence).is_permissive is permissive


def test_a_copyleft_package_fails(licences: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "packages", lambda name, extras: [licences.Package("evil", "1", "AGPL-3.0-only")])
    assert licences.main([]) == 1


def test_where_a_licence_is_read_from(licences: Any) -> None:
    class Found:
        files: tuple[Any, ...] = ()

        def __init__(self, **fields: str) -> None:
            self.metadata = Message()
            for name, value in fields.items():
                self.metadata[name.replace("_", "-")] = value

    assert licences.licence_of(Found(License_Expression="MIT", License="GPL")) == "MIT"
    assert licences.licence_of(Found(Classifier="License :: OSI Approved :: BSD License")) == "BSD License"
    assert licences.licence_of(Found(License="ISC\nmore")) == "ISC"
    assert licences.licence_of(Found(License="UNKNOWN")) == "none stated"
