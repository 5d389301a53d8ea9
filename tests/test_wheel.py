"""The wheel holds the whole package and works from where it was unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without isolation, so that nothing is fetched."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_it_holds_every_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("the list of modules comes from git, and this is no checkout")
    assert {name.removeprefix("src/") for name in tracked.split()} <= names
    assert {name.split("/")[0] for name in names} == {"fieldmark", "fieldmark_synth"}
    assert "fieldmark/py.typed" in names


def test_it_reads_and_draws_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    script = (
        "import fieldmark, sys\n"
        "from fieldmark_synth import synthesize\n"
        "synthesize(__import__('pathlib').Path('birds'), 2, 4, size=64)\n"
        "print(fieldmark.__file__, len(fieldmark.read('birds')))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    home, count = done.stdout.split()
    assert Path(home).is_relative_to(tmp_path / "site")
    assert int(count) == 8
