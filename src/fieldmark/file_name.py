"""Names of files that a description may point to: in the same folder, and nowhere else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = ["FileName"]

FileName = Annotated[str, Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,199}\z")]
"""A name without folders: it has no slash, no drive and no leading dot."""
