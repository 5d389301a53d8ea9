"""One file a layout: what lies on disk becomes `Record`s here and nowhere else."""

from __future__ import annotations

__all__: list[str] = []
