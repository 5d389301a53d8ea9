"""A package outside of Fieldmark, made of the code in docs/extend, works with every command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "extend"

pytestmark = pytest.mark.long

SCRIPT = """
import contextlib, io, json, sys
from pathlib import Path
from fieldmark.cli.main import main

def run(*arguments):
    sys.argv = ["fieldmark", *arguments]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            main()
        except SystemExit as ended:
            assert not ended.code, (arguments, ended.code)
    return printed.getvalue()

photos, model, out = sys.argv[1:]
photo = str(next(Path(photos).glob("*.jpg")))
found = {}
run("fit", photos, "--out", model, "--method", "max_pooled", "--image-size", "64", "--epochs", "1",
    "--set", "dropout=0.1", "--set", "batch_size=8", "--set", "test_views=1")
found["evaluation"] = json.loads(run("evaluate", model, "--json"))
run("explain", model, photo, "--out", out + "/why")
found["explained"] = sorted(path.name for path in Path(out, "why").iterdir())
run("export", model, "--out", out + "/model.onnx")
found["exported"] = Path(out, "model.onnx").stat().st_size

from fastapi.testclient import TestClient
from fieldmark.serve.app import create_app
from fieldmark.serve.settings import ServeSettings

with TestClient(create_app(Path(model), ServeSettings())) as client:
    found["page"] = client.get("/").text
    found["model"] = client.get("/v1/model").json()
    sent = {"photo": (Path(photo).name, Path(photo).read_bytes(), "image/jpeg")}
    found["served"] = client.post("/v1/predict", files=sent).json()
print(json.dumps(found))
"""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like ``site-packages`` that holds the package, as pip would leave it there."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads(blocks("method.md", "toml")[0])["project"]
    package = site / project["name"]
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "max_pooled.py").write_text(blocks("method.md", "python")[0], encoding="utf-8")
    (package / "name_prefix.py").write_text(blocks("dataset.md", "python")[0], encoding="utf-8")
    facts = site / f"{project['name']}-{project['version']}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (facts / "entry_points.txt").write_text("\n".join(lines))
    return site


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


def environment(site: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def fieldmark(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fieldmark", *arguments]
    return subprocess.run(command, env=environment(site), capture_output=True, text=True)


@pytest.fixture(scope="module")
def found(installed: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the commands and the server give for a model of the package's method."""
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, "-c", SCRIPT, str(photos), str(out / "model"), str(out)]
    done = subprocess.run(command, env=environment(installed), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_it_is_listed_without_an_import(installed: Path) -> None:
    line = "the maximum of the feature map over all places, then a linear layer."
    listed = [json.loads(each) for each in fieldmark(installed, "methods", "--json").stdout.splitlines()]
    assert {"name": "max_pooled", "about": line} in listed
    shown = fieldmark(installed, "fit", "--help")
    assert shown.returncode == 0
    assert f"max_pooled: {line}" in " ".join(shown.stdout.split())


def test_its_settings_are_listed_and_checked(installed: Path, photos: Path, tmp_path: Path) -> None:
    known = json.loads(fieldmark(installed, "settings", "max_pooled", "--json").stdout)
    assert known["dropout"]["default"] == 0.2
    wrong = ["fit", str(photos), "--out", str(tmp_path / "model"), "--method", "max_pooled", "--set", "drop=0.5"]
    refused = fieldmark(installed, *wrong)
    assert refused.returncode == 2
    assert "unknown setting of max_pooled 'drop': did you mean 'dropout'?" in " ".join(refused.stderr.split())


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


def test_compare_finds_it_in_its_own_processes(installed: Path, photos: Path, tmp_path: Path) -> None:
    settings = ["--set", "batch_size=8", "--image-size", "64", "--epochs", "1", "--out", str(tmp_path)]
    chosen = ["--methods", "max_pooled", "--baseline", "max_pooled"]
    done = fieldmark(installed, "compare", str(photos), *chosen, *settings, "--json")
    assert done.returncode == 0, done.stderr
    [line] = json.loads(done.stdout)["methods"]
    assert (line["label"], line["status"]) == ("max_pooled", "done")
