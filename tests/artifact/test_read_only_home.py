"""Where nothing can be written to the cache, commands compute without it and say so once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(params=["a file in its place", "a read-only disk"])
def no_cache(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder in which no cache can be made."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("FIELDMARK_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    if request.param == "a file in its place":
        (home / ".cache").write_text("")
        yield home
        return
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", home], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here: needs root")
    yield home
    subprocess.run(["umount", home], check=True)


def test_commands_do_without_a_cache(
    no_cache: Path, birds: Path, fitted: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    out = tmp_path / "model"
    done = command("fit", birds, "--out", out, "--method", "linear_probe", "--image-size", 32)
    assert done.code == 0
    lines = [line for line in done.err.splitlines() if "cache" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"the cache folder {no_cache}/.cache/fieldmark cannot be written (")
    assert lines[0].endswith("): computing without it; FIELDMARK_CACHE can name another folder")
    photo = next(birds.rglob("*.jpg"))
    assert command("predict", out, photo, "--json").code == 0
    assert command("check", birds, "--json").code == 0
    assert command("enroll", out, "--label", "new", photo).code == 0
    assert not list(no_cache.rglob("fieldmark*"))
