"""The frozen pass from files on disk against bare loops over tensors in memory, and against plain timm.

Same graph, same photos, all cores, in turns; the bare loops are those of `predict_throughput.py`. A ratio of 1 to the
best of them would mean that reading and decoding cost nothing, so a second ratio is to what the cores could reach if
they ran that loop and Pillow's decoding and nothing else. The pass runs with the runner that it chooses by its
measurement, and with each runtime by name. The time to open the graph is included.

    python benchmarks/frozen_pass.py DATA [--backbone efficientnet_lite0] [--limit 1000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from bare_loops import bare_decoding, fastest_loops, plain_timm, print_ratios, with_decoding

from fieldmark.backbones.factory import create_backbone, resolve_name
from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.backbones.onnx_export import export_graph
from fieldmark.backbones.runners.cpu_runner import CpuRunner
from fieldmark.backbones.runners.openvino_runner import has_openvino
from fieldmark.backbones.runners.runner_plan import RUNNER
from fieldmark.data.photos.preprocess import load_array
from fieldmark.data.read import read
from fieldmark.layers.pooling.descriptors import DescriptorPool
from fieldmark.training.frozen.frozen_module import FrozenModule


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    records = read(arguments.data)
    records = records[:: max(1, len(records) // arguments.limit)][: arguments.limit]
    backbone = create_backbone(arguments.backbone).eval()
    pool = DescriptorPool(backbone, ["avg"])
    module, preprocess = FrozenModule(backbone, pool), backbone.preprocess()
    graph = export_graph(module, preprocess, ["avg"])
    stacks = np.stack([load_array(record, preprocess)[None] for record in records])
    loops = fastest_loops(graph, stacks)
    print(f"bare loops: {'; '.join(f'{loop.engine}, {loop.way}' for loop in loops)}")
    os.environ[RUNNER] = "auto"
    chosen = CpuRunner(graph)
    chosen.expect(max(500, len(records)))  # measures where nothing is kept, so that no round does
    print(f"chosen by the measurement: {chosen.description}", flush=True)
    plain = [(resolve_name(arguments.backbone), preprocess.image_size, 1)]
    names = ["auto", "onnxruntime", *(["openvino"] if has_openvino() else [])]

    def ours(name: str) -> float:
        os.environ[RUNNER] = name
        with tempfile.TemporaryDirectory() as cache:
            features = FrozenFeatures(module, pool.dims, preprocess, Path(cache), device="cpu")
            started = time.perf_counter()
            features.extract(records, mirror=False)
            seconds = time.perf_counter() - started
        return len(records) / seconds

    paths = [record.path for record in records]
    ratios: list[tuple[float, float, float]] = []
    for _ in range(arguments.rounds):
        bare = {
            engine: len(records) / min(loop.seconds(stacks) for loop in loops if loop.engine == engine)
            for engine in dict.fromkeys(loop.engine for loop in loops)
        }
        passes = {name: ours(name) for name in names}
        decoding = bare_decoding(paths, preprocess.image_size)
        theirs = plain_timm(plain, 1000, paths[::4])
        best, mine = max(bare.values()), passes["auto"]
        ratios.append((mine / best, mine / with_decoding(best, decoding), mine / theirs))
        by_name = ", ".join(f"{rate:.1f} ({name})" for name, rate in passes.items())
        by_engine = ", ".join(f"{rate:.1f} ({engine})" for engine, rate in bare.items())
        print(
            f"frozen pass {by_name}; bare loop {by_engine}; decoding {decoding:.1f}; plain timm {theirs:.1f} photos/s",
            flush=True,
        )
    print_ratios("frozen pass", ratios)


if __name__ == "__main__":
    main()
