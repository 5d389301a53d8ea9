"""Time and recall of the search for near-duplicates against a comparison of each photo with each.

python benchmarks/near_duplicates.py [--counts 1000,10000,100000] [DATA ...]

Drawn hashes and embeddings of each count; every tenth is a near-duplicate of the one before it. Then the photos of each
folder DATA, with the cells of embeddings that larger sets have.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float32s, Ints, unit_rows
from fieldmark.data.quality.duplicates import COSINE, HASH_BITS
from fieldmark.data.quality.embedding_cells import cells
from fieldmark.data.quality.hash_index import HashIndex

Pairs = tuple[set[tuple[int, int]], float]
BLOCK = 2048


def timed(parts: Iterable[tuple[Ints, Ints]]) -> Pairs:
    """Pairs of different photos, and the CPU seconds that finding them took."""
    started = time.process_time()
    found = [(np.minimum(a, b), np.maximum(a, b)) for a, b in parts]
    seconds = time.process_time() - started
    return {
        (a, b) for one, other in found for a, b in zip(one.tolist(), other.tolist(), strict=True) if a != b
    }, seconds


def upper_blocks(count: int) -> Iterator[tuple[int, int]]:
    return ((a, b) for a in range(0, count, BLOCK) for b in range(a, count, BLOCK))


def all_hashes(hashes: NDArray[np.uint64]) -> Iterator[tuple[Ints, Ints]]:
    for a, b in upper_blocks(len(hashes)):
        near = np.bitwise_count(hashes[a : a + BLOCK, None] ^ hashes[None, b : b + BLOCK]) <= HASH_BITS
        first, second = np.nonzero(near)
        yield first + a, second + b


def indexed_hashes(hashes: NDArray[np.uint64]) -> Iterator[tuple[Ints, Ints]]:
    yield from HashIndex(hashes, HASH_BITS).pairs(hashes)


def all_embeddings(rows: Float32s) -> Iterator[tuple[Ints, Ints]]:
    yield from _near(rows, cells(rows, exact=len(rows)))


def embeddings_in_cells(rows: Float32s) -> Iterator[tuple[Ints, Ints]]:
    yield from _near(rows, cells(rows, exact=0))


def _near(rows: Float32s, blocks: Iterable[tuple[Ints, Ints]]) -> Iterator[tuple[Ints, Ints]]:
    for members, visitors in blocks:
        first, second = np.nonzero(rows[members] @ rows[visitors].T >= COSINE)
        yield members[first], visitors[second]


def drawn_hashes(count: int) -> NDArray[np.uint64]:
    random = np.random.default_rng(0)
    hashes = random.integers(2**64, size=count, dtype=np.uint64)
    flips = [sum(1 << int(bit) for bit in random.permutation(64)[:HASH_BITS]) for _ in range(0, count, 10)]
    hashes[1::10] = hashes[::10] ^ np.array(flips, dtype=np.uint64)
    return hashes


def drawn_embeddings(count: int) -> Float32s:
    """100 kinds in 512 dimensions."""
    random = np.random.default_rng(0)
    kinds = unit_rows(random.normal(size=(100, 512)))
    rows = kinds[random.integers(100, size=count)] + unit_rows(random.normal(size=(count, 512)).astype(np.float32))
    rows = unit_rows(rows)
    rows[1::10] = unit_rows(rows[::10] + 0.35 * unit_rows(random.normal(size=(len(rows[::10]), 512))))
    return rows


def report(name: str, whole: Pairs, found: Pairs) -> None:
    recall = len(whole[0] & found[0]) / max(1, len(whole[0]))
    ratio = whole[1] / max(found[1], 1e-9)
    print(f"{name}: {len(whole[0]):,} pairs, recall {recall:.4f}, {ratio:.1f} times as fast as all pairs", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="1000,10000,100000")
    parser.add_argument("data", nargs="*", type=Path)
    arguments = parser.parse_args()
    before: dict[str, float] = {}
    for count in map(int, arguments.counts.split(",")):
        hashes, rows = drawn_hashes(count), drawn_embeddings(count)
        runs = {
            "all hashes": timed(all_hashes(hashes)),
            "indexed hashes": timed(indexed_hashes(hashes)),
            "all embeddings": timed(all_embeddings(rows)),
            "embeddings in cells": timed(embeddings_in_cells(rows)),
        }
        report(f"{count:,} hashes", runs["all hashes"], runs["indexed hashes"])
        report(f"{count:,} embeddings", runs["all embeddings"], runs["embeddings in cells"])
        for name, (_, seconds) in runs.items():
            grown = f", {seconds / before[name]:.0f} times that of the count before" if name in before else ""
            print(f"  {name}: {seconds:.2f} s{grown}", flush=True)
            before[name] = seconds
    for folder in arguments.data:
        report_photos(folder)


def report_photos(folder: Path) -> None:
    from fieldmark.backbones.bundled_embeddings import embed
    from fieldmark.data.photos.photo_files import photos_below
    from fieldmark.data.quality.photo_facts import inspect_photos

    paths = photos_below(folder)
    hashes = np.array([one.phash for one in inspect_photos(paths) if one.phash is not None], dtype=np.uint64)
    report(f"{folder.name}, {len(hashes):,} hashes", timed(all_hashes(hashes)), timed(indexed_hashes(hashes)))
    rows = unit_rows(embed(paths))
    rows = rows[np.isfinite(rows).all(1)]
    name = f"{folder.name}, {len(rows):,} embeddings"
    report(name, timed(all_embeddings(rows)), timed(embeddings_in_cells(rows)))


if __name__ == "__main__":
    main()
