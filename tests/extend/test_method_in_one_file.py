"""Adding a method to Fieldmark touches its file, a recipe, a page and a test. Nothing else in the package changes."""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEW = Path("fieldmark/methods/max_pooled.py")

RECIPE = """
method = "max_pooled"
image_size = 64
epochs = 1
batch_size = 8
test_views = 1
dropout = 0.1
"""

SCRIPT = """
import contextlib, io, json, sys
from pathlib import Path
import fieldmark
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

birds, root = sys.argv[1:]
model = root + "/model"
found = {"package": fieldmark.__file__, "methods": run("methods", "--json"), "help": run("fit", "--help")}
run("fit", birds, "--out", model, "--recipe", root + "/recipes/max_pooled.toml")
found["answer"] = json.loads(run("predict", model, str(next(Path(birds).rglob("*.jpg"))), "--json"))
found["settings"] = json.loads(Path(model, "fieldmark.json").read_text(encoding="utf-8"))["settings"]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree with the method of docs/extend/method.md in one new file, and its recipe."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "src", root / "src")  # with the bytecode, so that it is not compiled once more
    page = (ROOT / "docs" / "extend" / "method.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert code is not None
    (root / "src" / NEW).write_text(code[1], encoding="utf-8")
    (root / "recipes").mkdir()
    (root / "recipes" / "max_pooled.toml").write_text(RECIPE, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def found(copy: Path, birds: Path) -> dict[str, Any]:
    """Output of the commands, run by the copy."""
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    command = [sys.executable, "-c", SCRIPT, str(birds), str(copy)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert Path(result["package"]).is_relative_to(copy)
    return result


@pytest.mark.usefixtures("found")
def test_only_one_file_of_the_package_is_new_and_none_is_changed(copy: Path) -> None:
    def files(root: Path) -> set[Path]:
        return {path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    own = files(ROOT / "src")
    assert files(copy / "src") - own == {NEW}
    assert filecmp.cmpfiles(ROOT / "src", copy / "src", [str(path) for path in own], shallow=False)[1:] == ([], [])


def test_the_commands_list_it(found: dict[str, Any]) -> None:
    about = "the maximum of the feature map over all places, then a linear layer."
    assert {"name": "max_pooled", "about": about} in [json.loads(line) for line in found["methods"].splitlines()]
    assert f"max_pooled: {about}" in " ".join(found["help"].split())


def test_a_recipe_fits_it(found: dict[str, Any]) -> None:
    assert found["settings"]["method"] == "max_pooled"
    assert found["settings"]["dropout"] == 0.1


def test_it_predicts(found: dict[str, Any]) -> None:
    assert "error" not in found["answer"]
    assert sum(one["probability"] for one in found["answer"]["candidates"]) == pytest.approx(1.0, abs=1e-3)
