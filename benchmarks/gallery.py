"""Search over many known photos on disk, beside FAISS on the same vectors.

python benchmarks/gallery.py [--photos 1000000] [--dim 512] [--queries 500] [--folder DIR] [--skip-faiss]

The vectors resemble embeddings of fine-grained classes: unit length, classes that share genera, and spread that falls
off over the dimensions like the principal components of a network's features. Queries are further draws of the same
classes. Recall counts how many of the true 10 nearest, found by comparing with every vector, are among the 10 answered.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.recognizer.gallery import Gallery, GalleryRow

Floats = NDArray[np.float32]
K = 10


def embeddings(count: int, dim: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """`count` unit vectors of one class for each 50 of a million, at least 100, and their classes."""
    rng = np.random.default_rng(0)
    classes, genera = max(100, 20_000), 2_000
    falloff = (1.0 + np.arange(dim)) ** -0.5
    genus = rng.normal(size=(genera, dim)) * falloff
    means = (genus[rng.integers(genera, size=classes)] + 0.7 * rng.normal(size=(classes, dim)) * falloff).astype(
        np.float32
    )
    draws = np.random.default_rng(seed)
    labels = draws.integers(classes, size=count)
    vectors = np.empty((count, dim), dtype=np.float32)
    for start in range(0, count, 50_000):
        part = labels[start : start + 50_000]
        rows = means[part] + 0.7 * (draws.normal(size=(len(part), dim)) * falloff).astype(np.float32)
        vectors[start : start + len(part)] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors, labels


def exact(vectors: Floats, queries: Floats) -> list[set[int]]:
    """Positions of the true nearest, part by part."""
    best = np.full((len(queries), K), -np.inf, dtype=np.float32)
    which = np.zeros((len(queries), K), dtype=np.int64)
    for start in range(0, len(vectors), 50_000):
        similarity = queries @ vectors[start : start + 50_000].T
        top = np.argpartition(-similarity, K, axis=1)[:, :K]
        values = np.concatenate([best, np.take_along_axis(similarity, top, 1)], 1)
        places = np.concatenate([which, top + start], 1)
        order = np.argsort(-values, axis=1)[:, :K]
        best, which = np.take_along_axis(values, order, 1), np.take_along_axis(places, order, 1)
    return [set(row.tolist()) for row in which]


def resident() -> int:
    """Bytes of this process in memory now."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096


class Peak:
    """The most memory that a block takes beyond what was held before, sampled ten times a second."""

    def __enter__(self) -> Peak:
        self.bytes, self._before, self._stop = 0, resident(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.bytes = max(self.bytes, resident() - self._before)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def tell(name: str, found: list[set[int]], truth: list[set[int]], seconds: list[float]) -> float:
    recall = float(np.mean([len(one & other) / K for one, other in zip(found, truth, strict=True)]))
    middle, slow = np.percentile(np.array(seconds) * 1e3, (50, 95))
    print(f"{name}: recall@{K} {recall:.4f}, median {middle:.2f} ms, p95 {slow:.2f} ms", flush=True)
    return float(middle)


def gallery(vectors: Floats, labels: NDArray[np.int64], queries: Floats, truth: list[set[int]], folder: Path) -> float:
    rows = [GalleryRow(str(index), str(label), "train") for index, label in enumerate(labels)]
    with Peak() as peak:
        started = time.perf_counter()
        facts = Gallery.create("gallery", folder, rows, vectors, "benchmark")
        seconds = time.perf_counter() - started
    size = sum(path.stat().st_size for path in (folder / "gallery").rglob("*") if path.is_file())
    print(
        f"gallery: written and indexed in {seconds:.0f} s, peak {peak.bytes / 1e9:.2f} GB, {size / 1e9:.2f} GB on disk"
    )
    opened = Gallery(facts, folder)
    opened.search(queries[:5], K)
    found, latencies = [], []
    with Peak() as peak:
        for query in queries:
            started = time.perf_counter()
            near = opened.search(query[None], K)[0]
            latencies.append(time.perf_counter() - started)
            found.append({int(one.path) for one in near})
    print(f"gallery: searching takes {peak.bytes / 1e9:.2f} GB more memory")
    return tell("gallery", found, truth, latencies)


def faiss_hnsw(vectors: Floats, queries: Floats, truth: list[set[int]]) -> float:
    import faiss

    index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = 100, 256
    with Peak() as peak:
        started = time.perf_counter()
        index.add(vectors)
        seconds = time.perf_counter() - started
    print(f"faiss HNSW: built in {seconds:.0f} s, {peak.bytes / 1e9:.2f} GB of memory")
    faiss.omp_set_num_threads(1)
    found, latencies = [], []
    for query in queries:
        started = time.perf_counter()
        _, near = index.search(query[None], K)
        latencies.append(time.perf_counter() - started)
        found.append(set(near[0].tolist()))
    return tell("faiss HNSW", found, truth, latencies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a temporary folder if left out")
    parser.add_argument("--skip-faiss", action="store_true")
    arguments = parser.parse_args()
    vectors, labels = embeddings(arguments.photos, arguments.dim, seed=1)
    queries, _ = embeddings(arguments.queries, arguments.dim, seed=2)
    truth = exact(vectors, queries)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        own = gallery(vectors, labels, queries, truth, Path(folder))
    if not arguments.skip_faiss:
        peer = faiss_hnsw(vectors, queries, truth)
        print(f"median latency, gallery / faiss: {own / peer:.2f}")


if __name__ == "__main__":
    main()
