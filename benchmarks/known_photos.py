"""Processor time and peak memory of `fieldmark gallery` as the number of embeddings grows. The embeddings are drawn.

python benchmarks/known_photos.py MODEL [--rows 20000,100000]
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from commands import fieldmark

from fieldmark.artifact.load import load_manifest
from fieldmark.artifact.load_fitted import load_open_set
from fieldmark.scale.part_store import PartStore

_PART = 1000


def draw_embeddings(place: Path, rows: int, width: int, key: str) -> None:
    """Write random unit vectors in parts, as `embed` does."""
    store, random = PartStore(str(place), "embeddings"), np.random.default_rng(0)
    store.open({"gallery": key})
    for part in range(rows // _PART):
        vectors = random.normal(size=(_PART, width)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        columns = {
            "path": pa.array([f"s3://bucket/{part}/{row}.jpg" for row in range(_PART)]),
            "embedding": pa.array(list(vectors), pa.list_(pa.float32())),
            "species": pa.array(["a"] * _PART),
        }
        store.write(part, pa.table(columns), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rows", default="20000,100000")
    arguments = parser.parse_args()
    manifest = load_manifest(arguments.model)
    width = load_open_set(arguments.model, manifest).width
    assert manifest.gallery is not None
    assert width is not None
    for rows in map(int, arguments.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            place, model = Path(folder) / "vectors", Path(folder) / "model"
            shutil.copytree(arguments.model, model)
            draw_embeddings(place, rows, width, manifest.gallery.key)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run = fieldmark("gallery", model, str(place), "--label-col", "species", cache=Path(folder) / "cache")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"{rows:,} embeddings of {width:,} numbers: {cpu:.1f} CPU s, peak {run.peak_bytes / 1e9:.2f} GB", flush=True
        )


if __name__ == "__main__":
    main()
