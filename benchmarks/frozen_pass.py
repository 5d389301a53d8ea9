"""The frozen pass from files on disk against a bare ONNX Runtime loop over tensors that are ready in memory.

Same graph, same photos, both with all cores, in turns; the bare loop gets ONNX Runtime's own threading and batches of
its best size. A ratio of 1 would mean that reading and decoding cost nothing.

    python benchmarks/frozen_pass.py PHOTOS [--limit 1000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.backbones.onnx_export import export_graph
from fieldmark.data.photos.preprocess import load_array
from fieldmark.data.read import read
from fieldmark.layers.pooling.descriptors import DescriptorPool
from fieldmark.training.frozen.frozen_backbone import FrozenModule


def bare_loop(graph: bytes, arrays: np.ndarray, batch: int) -> float:
    """Photos a second of a plain loop with ONNX Runtime's defaults."""
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    session.run(None, {"images": arrays[:batch]})
    started = time.perf_counter()
    for start in range(0, len(arrays), batch):
        session.run(None, {"images": arrays[start : start + batch]})
    return len(arrays) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    records = read(arguments.data)
    records = records[:: max(1, len(records) // arguments.limit)][: arguments.limit]
    backbone = create_backbone().eval()
    pool = DescriptorPool(backbone, ["avg"])
    module, preprocess = FrozenModule(backbone, pool), backbone.preprocess()
    graph = export_graph(module, preprocess, ["avg"])
    arrays = np.stack([load_array(record, preprocess) for record in records])
    best = max((1, 4, 8, 16, 32), key=lambda size: bare_loop(graph, arrays[:320], size))
    ratios = []
    for _ in range(arguments.rounds):
        bare = bare_loop(graph, arrays, best)
        with tempfile.TemporaryDirectory() as cache:
            features = FrozenFeatures(module, pool.dims, preprocess, Path(cache))
            started = time.perf_counter()
            features.extract(records, mirror=False)
            ours = len(records) / (time.perf_counter() - started)
        ratios.append(ours / bare)
        print(f"bare loop, batches of {best}: {bare:.0f} photos/s; frozen pass: {ours:.0f} photos/s", flush=True)
    print(f"frozen pass / bare loop: {statistics.median(ratios):.2f} (of {', '.join(f'{r:.2f}' for r in ratios)})")


if __name__ == "__main__":
    main()
