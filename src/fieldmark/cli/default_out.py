"""Where a command writes if ``--out`` is left out: a new name in the current folder, so that nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

__all__ = ["default_out"]


def default_out(source: Path, ending: str) -> Path:
    """Return a name that does not exist yet: the source's own with an ending, and a number where that is taken.

    Args:
        source: The data set, model or photo that the output is about.
        ending: Such as ``-model`` or ``-guide.html``.
    """
    name = source.resolve().name  # "." has no name of its own
    stem = Path(name).stem if source.is_file() else name
    middle, dot, last = ending.rpartition(".")
    base, suffix = (f"{stem}{middle}", f".{last}") if dot else (f"{stem}{ending}", "")
    path, number = Path(f"{base}{suffix}"), 2
    while path.exists():
        path, number = Path(f"{base}-{number}{suffix}"), number + 1
    return path
