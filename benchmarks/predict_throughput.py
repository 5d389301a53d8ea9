"""`predict` from files against two loops that a person could write: a bare runtime, and plain timm in PyTorch.

    python benchmarks/predict_throughput.py MODEL PHOTOS [--limit 500] [--rounds 3]

`predict` runs with the runner that it chooses by its measurement, and with each runtime by name (`FIELDMARK_RUNNER`).
The bare loop gets the graphs of the model, tensors that are decoded and shrunk already, as many views of each photo as
the model takes, and the fastest of several ways to call ONNX Runtime (its own threads, or as many callers as cores,
batches of 1 to 32) and OpenVINO (both hints); the two fastest of each on the first photos run in every round, and the
best of them counts. A second ratio is to what the cores could reach if they ran that loop and Pillow's decoding and
nothing else. Plain timm gets a quarter of the photos, since its speed does not depend on their number, and the same
views. All in turns, with all cores.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from bare_loops import bare_decoding, fastest_loops, plain_timm, print_ratios, with_decoding

from fieldmark import Recognizer
from fieldmark.backbones.factory import resolve_name
from fieldmark.backbones.runners.openvino_runner import has_openvino
from fieldmark.backbones.runners.runner_plan import RUNNER
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.photo_files import photos_below
from fieldmark.data.photos.views import photo_views


def predict(recognizer: Recognizer, photos: list[Path]) -> float:
    """Photos a second, from files to answers."""
    started = time.perf_counter()
    answers = list(recognizer.answers(photos))
    assert all(answer.error is None for answer in answers)
    return len(photos) / (time.perf_counter() - started)


def opened(model: Path, photos: list[Path], runner: str) -> Recognizer:
    """Return the model with a runner, after its first answers and, for ``auto``, the measurement."""
    os.environ[RUNNER] = runner
    recognizer = Recognizer(model, device="cpu")
    recognizer.graphs.expect(500)
    predict(recognizer, photos[:16])
    return recognizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = photos_below(arguments.photos)
    photos = found[:: max(1, len(found) // arguments.limit)][: arguments.limit]
    names = ["auto", "onnxruntime", *(["openvino"] if has_openvino() else [])]
    recognizers = {name: opened(arguments.model, photos, name) for name in names}
    chosen = recognizers["auto"]
    members = chosen.manifest.members
    if any(facts.views > 2 for facts in members):
        raise SystemExit("expected a model with one or two views")
    print(f"chosen by the measurement: {chosen.graphs.description}")
    loops, stacks = [], []
    for facts in members:
        preprocess = facts.preprocess
        draft = preprocess.draft_size
        stacks.append(
            np.stack([photo_views(open_photo(path, draft=draft), preprocess, facts.views) for path in photos])
        )
        loops.append(fastest_loops((arguments.model / facts.graph).read_bytes(), stacks[-1]))
        ways = "; ".join(f"{loop.engine}, {loop.way}" for loop in loops[-1])
        print(f"{facts.options['backbone']}, {facts.views} view(s); bare loops: {ways}", flush=True)
    plain = [(resolve_name(facts.options["backbone"]), facts.preprocess.image_size, facts.views) for facts in members]
    plain_timm(plain, len(chosen.classes), photos[:16])
    engines = list(dict.fromkeys(loop.engine for loop in loops[0]))
    side = max(facts.preprocess.image_size for facts in members)
    ratios: list[tuple[float, float, float]] = []
    for _ in range(arguments.rounds):
        bare = {}
        for engine in engines:
            times = [
                min(loop.seconds(each) for loop in ways if loop.engine == engine)
                for ways, each in zip(loops, stacks, strict=True)
            ]
            bare[engine] = len(photos) / sum(times)
        ours = {name: predict(recognizer, photos) for name, recognizer in recognizers.items()}
        theirs = plain_timm(plain, len(chosen.classes), photos[::4])
        decoding, best, mine = bare_decoding(photos, side), max(bare.values()), ours["auto"]
        ratios.append((mine / best, mine / with_decoding(best, decoding), mine / theirs))
        by_name = ", ".join(f"{rate:.1f} ({name})" for name, rate in ours.items())
        by_engine = ", ".join(f"{rate:.1f} ({engine})" for engine, rate in bare.items())
        loops_and_peer = f"bare loop {by_engine}; decoding {decoding:.1f}; plain timm {theirs:.1f}"
        print(f"{len(photos)} photos: predict {by_name}; {loops_and_peer} /s", flush=True)
    print_ratios("predict", ratios)


if __name__ == "__main__":
    main()
