"""Lists of photos that bulk work reads."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="session")
def listed(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet table of 16 photos with their classes, one of them missing, and one by its address."""
    photos = sorted(birds.rglob("*.*"))[::6]
    files, species = [str(file) for file in photos], [file.parent.name for file in photos]
    files[5], files[7] = str(birds / "missing.jpg"), f"file://{files[7]}"
    table = tmp_path_factory.mktemp("listed") / "photos.parquet"
    columns = {"Path": files, "species": species, "number": list(range(len(files))), "pixels": [b"\0"] * len(files)}
    pq.write_table(pa.table(columns), table, row_group_size=10)
    return table
