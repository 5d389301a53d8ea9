"""A package outside of Fieldmark, made of the code in docs/extend, works with every command."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plugged_packages import plugged_in, printed_by, write_package

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "extend"

pytestmark = pytest.mark.long


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The package is installed; its name."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads(blocks("method.md", "toml")[0])["project"]
    code = {"max_pooled.py": blocks("method.md", "python")[0], "name_prefix.py": blocks("dataset.md", "python")[0]}
    write_package(site, project, code)
    with plugged_in(site):
        yield project["name"]


@pytest.fixture(scope="module")
def photos(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn classes in the layout that only the package can read."""
    root = tmp_path_factory.mktemp("plugged") / "photos"
    root.mkdir()
    classes = ["gull", "tern"]
    for name, folder in zip(classes, sorted(birds.iterdir()), strict=False):
        for number, path in enumerate(sorted(folder.iterdir())[:16]):
            shutil.copyfile(path, root / f"{name}_{number:02}.jpg")
    (root / "classes.txt").write_text("\n".join(classes))
    return root


@pytest.fixture(scope="module")
def found(installed: str, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the commands and the server give for a model of the package's method."""
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fastapi.testclient import TestClient

    from fieldmark.serve.app import create_app
    from fieldmark.serve.settings import ServeSettings

    out = tmp_path_factory.mktemp("out")
    model, photo = out / "model", next(photos.glob("*.jpg"))
    settings = ("--set", "dropout=0.1", "--set", "batch_size=8", "--set", "test_views=1")
    printed_by("fit", photos, "--out", model, "--method", "max_pooled", "--image-size", 64, "--epochs", 1, *settings)
    printed = {"evaluation": json.loads(printed_by("evaluate", model, "--json"))}
    printed_by("explain", model, photo, "--out", out / "why")
    printed_by("export", model, "--out", out / "model.onnx")
    with TestClient(create_app(model, ServeSettings())) as client:
        sent = {"photo": (photo.name, photo.read_bytes(), "image/jpeg")}
        return printed | {
            "explained": sorted(path.name for path in (out / "why").iterdir()),
            "exported": (out / "model.onnx").stat().st_size,
            "page": client.get("/").text,
            "model": client.get("/v1/model").json(),
            "served": client.post("/v1/predict", files=sent).json(),
        }


def test_it_is_listed_without_an_import(installed: str, command: Callable[..., Any]) -> None:
    line = "the maximum of the feature map over all places, then a linear layer."
    before = set(sys.modules)
    listed = [json.loads(each) for each in command("methods", "--json").out.splitlines()]
    assert {"name": "max_pooled", "about": line} in listed
    shown = command("fit", "--help")
    assert shown.code == 0
    assert f"max_pooled: {line}" in " ".join(shown.out.split())
    assert not [name for name in set(sys.modules) - before if name.startswith(f"{installed}.")]


@pytest.mark.usefixtures("installed")
def test_its_settings_are_listed_and_checked(photos: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    known = json.loads(command("settings", "max_pooled", "--json").out)
    assert known["dropout"]["default"] == 0.2
    refused = command("fit", photos, "--out", tmp_path / "model", "--method", "max_pooled", "--set", "drop=0.5")
    assert refused.code == 2
    assert "unknown setting of max_pooled 'drop': did you mean 'dropout'?" in " ".join(refused.err.split())


def test_fit_and_evaluate(found: dict[str, dict[str, float]]) -> None:
    assert found["evaluation"]["num_images"] > 0
    assert 0 <= found["evaluation"]["top1_accuracy"] <= 1


def test_explain_and_export(found: dict[str, object]) -> None:
    assert found["explained"]
    assert isinstance(found["exported"], int)
    assert found["exported"] > 100_000


def test_the_served_page_and_http(found: dict[str, Any]) -> None:
    assert "<html" in found["page"]
    [answer] = found["served"]["answers"]
    assert {candidate["label"] for candidate in answer["candidates"]} == {"gull", "tern"}


@pytest.mark.usefixtures("installed")
def test_compare_finds_it_in_its_own_processes(photos: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    settings = ["--set", "batch_size=8", "--image-size", "64", "--epochs", "1", "--out", tmp_path]
    done = command("compare", photos, "--methods", "max_pooled", "--baseline", "max_pooled", *settings, "--json")
    assert done.code == 0, done.err
    [line] = json.loads(done.out)["methods"]
    assert (line["label"], line["status"]) == ("max_pooled", "done")
