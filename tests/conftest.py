"""Fixtures that many tests share. Real photos lie outside of the repository; tests that need them skip without."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def _real(name: str) -> Path:
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"needs the real data set at {folder}, which is not part of the repository")
    return folder


@pytest.fixture(scope="session")
def cub50() -> Path:
    """CUB-200-2011, species 1-50, in the set's own layout."""
    return _real("CUB_200_2011_first50")


@pytest.fixture(scope="session")
def flowers17() -> Path:
    """Oxford Flowers-17: 17 folders of 80 photos."""
    return _real("flowers17")


@pytest.fixture(scope="session")
def grocery81() -> Path:
    """GroceryStoreDataset: labels.csv with path, label, coarse_label, split."""
    return _real("grocery81")


@pytest.fixture(scope="session")
def annotations() -> Path:
    """True annotation files of six data sets, without photos."""
    return _real("annotations")
