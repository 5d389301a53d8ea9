"""Peak memory of the default `fit` as the photos grow fourfold.

python benchmarks/memory.py [--photos 3000] [--factor 4] [--classes 30]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from commands import fieldmark


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--classes", type=int, default=30)
    arguments = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for photos in (arguments.photos, arguments.factor * arguments.photos):
            data, cache = Path(folder) / f"birds-{photos}", Path(folder) / "cache"
            each = str(photos // arguments.classes)
            fieldmark("synth", data, "--classes", str(arguments.classes), "--per-class", each, cache=cache)
            run = fieldmark("fit", data, "--out", Path(folder) / f"model-{photos}", cache=cache)
            peaks.append(run.peak_bytes)
            print(f"{photos:,} photos: peak {run.peak_bytes / 1e9:.3f} GB, {run.seconds:.0f} s", flush=True)
    print(f"peak memory with {arguments.factor} times the photos / without: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
