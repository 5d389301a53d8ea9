"""Names of photos that hold on every machine: paths below the root of their data set."""

from __future__ import annotations

from pathlib import Path

__all__ = ["relative_path"]


def relative_path(path: Path, root: Path | None) -> str:
    """Return a path relative to the root of a data set, with forward slashes; the whole path if it lies elsewhere."""
    if root is not None:
        base = root if root.is_dir() else root.parent
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.as_posix()
