"""Tiny data sets in true formats. Readers never open a photo, so an empty file stands in for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest


def _write(root: Path, files: dict[str, str], photos: Iterable[str] = ()) -> Path:
    for name, content in {**files, **dict.fromkeys(photos, "")}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write text files (name to content) and photos (names) into a fresh folder, and give the folder."""

    def into(files: dict[str, str] | None = None, photos: Iterable[str] = (), folder: str = "set") -> Path:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        return _write(root, files or {}, photos)

    return into
