"""Pages that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_pages import write_hostile_pages


@pytest.fixture(scope="session")
def hostile_pages(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> one page of every kind, of classes and files with hostile names."""
    return write_hostile_pages(tmp_path_factory.mktemp("maker"), fitted)
