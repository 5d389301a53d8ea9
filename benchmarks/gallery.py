"""Search over many known photos on disk, beside FAISS on the same vectors.

python benchmarks/gallery.py [--photos 1000000] [--dim 512] [--queries 500] [--folder DIR] [--peers ivf,hnsw]

The vectors are drawn like embeddings of fine-grained classes: unit length, 50 photos a class, ten classes a genus, 0.64
of the variance inside the classes, and spread that falls off over the dimensions like principal components. Queries are
further draws of the same classes. Of 1,389 vectors of 50 such classes the nearest lies at a cosine of 0.56 and has the
same class for 0.90, at an intrinsic dimension of 23; of the 1,389 embedded test photos of CUB first 50 it is 0.61, 0.69
and 18, with 0.64 of the variance inside the classes, so that real neighbours are a little easier to find.

Recall counts how many of the true 10 nearest, found by comparing with every vector, are among the 10 answered. The
peers, FAISS's inverted lists of whole vectors and its HNSW graph, hold everything in memory and are searched with the
least effort that reaches a recall of 0.98. Everything is searched one query at a time, on all cores.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.artifact.gallery import Gallery, GalleryRow

Floats = NDArray[np.float32]
K = 10
ENOUGH = 0.98
INSIDE = 1.89
"""Standard deviation inside a class, where genera have 1 and the species of one have 1: 0.64 of the variance."""


def embeddings(count: int, photos: int, dim: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """`count` unit vectors of the classes that `photos` photos have, one for each 50 of them, and their classes."""
    rng = np.random.default_rng(0)
    classes, genera = max(50, photos // 50), max(10, photos // 500)
    falloff = ((1.0 + np.arange(dim)) ** -0.5).astype(np.float32)
    genus = rng.normal(size=(genera, dim))
    means = ((genus[rng.integers(genera, size=classes)] + rng.normal(size=(classes, dim))) * falloff).astype(np.float32)
    draws = np.random.default_rng(seed)
    labels = draws.integers(classes, size=count)
    vectors = np.empty((count, dim), dtype=np.float32)
    for start in range(0, count, 50_000):
        part = labels[start : start + 50_000]
        rows = means[part] + INSIDE * draws.standard_normal((len(part), dim), dtype=np.float32) * falloff
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


def tell(name: str, found: list[set[int]], truth: list[set[int]], seconds: list[float]) -> tuple[float, float]:
    recall = float(np.mean([len(one & other) / K for one, other in zip(found, truth, strict=True)]))
    middle, slow = np.percentile(np.array(seconds) * 1e3, (50, 95))
    print(f"{name}: recall@{K} {recall:.4f}, median {middle:.2f} ms, p95 {slow:.2f} ms", flush=True)
    return recall, float(middle)


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
    started = time.perf_counter()
    opened = Gallery(facts, folder)
    opened.search(queries[:1], K)
    print(f"gallery: opening and the first search take {time.perf_counter() - started:.2f} s", flush=True)
    found, latencies = [], []
    with Peak() as peak:
        for query in queries:
            started = time.perf_counter()
            near = opened.search(query[None], K)[0]
            latencies.append(time.perf_counter() - started)
            found.append({int(one.path) for one in near})
    print(f"gallery: searching takes {peak.bytes / 1e9:.2f} GB more memory")
    return tell("gallery", found, truth, latencies)[1]


def faiss_peer(kind: str, vectors: Floats, queries: Floats, truth: list[set[int]]) -> float:
    """Median latency in ms at the least effort with a recall of 0.98; of the most effort where none has."""
    import faiss

    dim = vectors.shape[1]
    with Peak() as peak:
        started = time.perf_counter()
        if kind == "ivf":
            lists = round(len(vectors) ** 0.5)
            index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
            index.train(vectors[: 64 * lists])
        else:
            index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = 100
        index.add(vectors)
        seconds = time.perf_counter() - started
    print(f"faiss {kind}: built in {seconds:.0f} s, {peak.bytes / 1e9:.2f} GB of memory", flush=True)
    middle = 0.0
    for effort in (16, 32, 64, 128, 256, 512):
        if kind == "ivf":
            index.nprobe = effort
        else:
            index.hnsw.efSearch = effort
        found, latencies = [], []
        for query in queries:
            started = time.perf_counter()
            _, near = index.search(query[None], K)
            latencies.append(time.perf_counter() - started)
            found.append(set(near[0].tolist()))
        recall, middle = tell(f"faiss {kind}, effort {effort}", found, truth, latencies)
        if recall >= ENOUGH:
            break
    return middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a temporary folder if left out")
    parser.add_argument("--peers", default="ivf,hnsw", help="of FAISS; empty for none")
    arguments = parser.parse_args()
    vectors, labels = embeddings(arguments.photos, arguments.photos, arguments.dim, seed=1)
    queries, _ = embeddings(arguments.queries, arguments.photos, arguments.dim, seed=2)
    truth = exact(vectors, queries)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        own = gallery(vectors, labels, queries, truth, Path(folder))
    for kind in filter(None, arguments.peers.split(",")):
        print(f"median latency, gallery / faiss {kind}: {own / faiss_peer(kind, vectors, queries, truth):.2f}")


if __name__ == "__main__":
    main()
