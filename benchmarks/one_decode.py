"""Processor time of looking over photos and of the first pass, as a multiple of a bare decoding loop.

python benchmarks/one_decode.py [--large 60] [--small 500]

The photos are drawn: JPEGs of 12 megapixels, and of 500 x 375. The network is only a mean of the pixels, so what is
measured is opening, hashing, decoding, thumbnails and scaling. The loop opens the same files with Pillow, decodes them
at the scale that 224 pixels need, and scales them. `apart` decodes once for the look and once for the pass.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor, nn

from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.prepare import survey
from fieldmark.structures import Record, RecordList

PREPROCESS = Preprocess(224)
ROUNDS = 3


class _Mean(nn.Module):
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"mean": images.mean((2, 3))}


def draw(folder: Path, count: int, width: int, height: int) -> RecordList:
    """Write JPEGs with grain, which costs a decoder about as much as real photos do."""
    random = np.random.default_rng(0)
    records = []
    for number in range(count):
        scene = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((width, height), 3)
        grain = random.normal(0, 6, (height, width, 1)).astype(np.int16)
        pixels = np.clip(np.asarray(scene, dtype=np.int16) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=90)
        records.append(Record(folder / f"{number}.jpg", number % 2))
    return RecordList(records, ("a", "b"))


def route(records: RecordList, cache: Path, *, shared: bool) -> None:
    with PixelStore(PREPROCESS, cache) as store:
        seen = survey(records, store if shared else None)
        features = FrozenFeatures(_Mean(), {"mean": 3}, PREPROCESS, cache, device="cpu", pixels=store)
        features.extract(seen.records, mirror=False, content_keys=seen.content_keys)


def bare(records: RecordList) -> None:
    for record in records:
        with Image.open(record.path) as image:
            image.draft("RGB", PREPROCESS.draft_size)
            PREPROCESS(image.convert("RGB"))


def seconds(work: Callable[[], None]) -> float:
    """Return the processor time of all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(records: RecordList, folder: Path) -> str:
    """Return what the median of the rounds says; a first round only imports."""
    rounds = []
    for number in range(ROUNDS + 1):
        caches = {shared: folder / f"cache-{number}-{shared}" for shared in (True, False)}
        loop = seconds(lambda: bare(records))
        times = []
        for shared, cache in caches.items():
            cache.mkdir()
            times.append(seconds(partial(route, records, cache, shared=shared)) / loop)
        rounds.append((loop / len(records), *times))
    loop, together, apart = np.median(rounds[1:], axis=0)
    return (
        f"bare loop {1000 * loop:.1f} ms of processor time for each photo; with one decode {together:.2f} times that, "
        f"apart {apart:.2f} times"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, default=60)
    parser.add_argument("--small", type=int, default=500)
    arguments = parser.parse_args()
    for width, height, count in ((4000, 3000, arguments.large), (500, 375, arguments.small)):
        with tempfile.TemporaryDirectory() as folder:
            records = draw(Path(folder), count, width, height)
            print(f"{width} x {height}: {measure(records, Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
