"""Peak memory of the default `fit` as the photos grow fourfold.

Each fit starts without cached features. With --folder the photos and what was measured stay there, and the same command
goes on with the next step; a fit that was stopped starts again.

    python benchmarks/memory.py [--photos 3000] [--factor 4] [--classes 30] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from commands import fieldmark


def peak_of(photos: int, classes: int, folder: Path) -> int:
    """Return the peak resident bytes of a fit on drawn photos."""
    note = folder / f"peak-{photos}-{classes}.json"
    if not note.is_file():
        data, cache = folder / f"birds-{photos}-{classes}", folder / "cache"
        if not data.is_dir():
            draft = folder / "drawing"
            shutil.rmtree(draft, ignore_errors=True)
            each = str(photos // classes)
            fieldmark("synth", draft, "--classes", str(classes), "--per-class", each, cache=cache)
            draft.rename(data)
        shutil.rmtree(cache, ignore_errors=True)
        run = fieldmark("fit", data, "--out", folder / f"model-{photos}-{classes}", cache=cache)
        note.write_text(json.dumps({"peak_bytes": run.peak_bytes, "seconds": run.seconds}))
    found = json.loads(note.read_text())
    print(f"{photos:,} photos: peak {found['peak_bytes'] / 1e9:.3f} GB, {found['seconds']:.0f} s", flush=True)
    return int(found["peak_bytes"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--classes", type=int, default=30)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        few, many = (
            peak_of(photos, arguments.classes, folder)
            for photos in (arguments.photos, arguments.factor * arguments.photos)
        )
    print(f"peak memory with {arguments.factor} times the photos / without: {many / few:.3f}")


if __name__ == "__main__":
    main()
