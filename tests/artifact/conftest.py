"""Two fits of the same classes whose answers differ, so that a test can see which one a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def refitted(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of `fitted` again, with another seed: other splits, other weights."""
    from fieldmark import fit

    out = tmp_path_factory.mktemp("refitted") / "model"
    fit(birds, out, method="linear_probe", image_size=96, seed=1)
    return out
