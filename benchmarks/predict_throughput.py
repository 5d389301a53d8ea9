"""`predict` from files against two loops that a person could write: bare ONNX Runtime, and plain timm in PyTorch.

    python benchmarks/predict_throughput.py MODEL PHOTOS [--limit 500] [--rounds 3]

The bare loop gets the graphs of the model, tensors that are decoded and shrunk already, as many views of each photo as
the model takes, and the fastest of several ways to call ONNX Runtime: its own threads, or one session that as many
threads call as there are cores, in batches of 1 to 32. The three fastest on the first photos run in every round, and
the best of them counts. The plain script opens each photo with Pillow, prepares it with timm's transform, and runs
timm's models of the same names in eager mode in batches of 16, with as many views; their weights are random, which does
not change their speed. It gets a quarter of the photos, since its speed does not depend on their number. All three in
turns, with all cores.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
import timm
import torch
from numpy.typing import NDArray
from PIL import Image

from fieldmark import Recognizer
from fieldmark.backbones.factory import resolve_name
from fieldmark.backbones.runners.batches import available_cpus
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.photo_files import photos_below
from fieldmark.data.photos.views import photo_views


def predict(recognizer: Recognizer, photos: list[Path]) -> float:
    """Photos a second, from files to answers."""
    started = time.perf_counter()
    answers = list(recognizer.answers(photos))
    assert all(answer.error is None for answer in answers)
    return len(photos) / (time.perf_counter() - started)


class BareLoop:
    """A graph and tensors (n, V, S, S, 3) in memory.

    Args:
        graph: The file.
        stacks: As many tensors as photos.
        threads: That ONNX Runtime has for one call; as many calls at once as fill the cores.
        batch: Photos in a call.
    """

    def __init__(self, graph: Path, stacks: NDArray[np.uint8], threads: int, batch: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self.stacks, self.batch = stacks, batch
        self.callers = max(1, available_cpus() // threads)
        self.name = f"{self.callers} caller(s) of {threads} thread(s), batches of {batch}"

    def seconds(self, limit: int | None = None) -> float:
        stacks = self.stacks[:limit]

        def call(start: int) -> None:
            for view in range(stacks.shape[1]):
                images = np.ascontiguousarray(stacks[start : start + self.batch, view])
                self.session.run(["logits"], {"images": images})

        started = time.perf_counter()
        with ThreadPoolExecutor(self.callers) as pool:
            for _ in pool.map(call, range(0, len(stacks), self.batch)):
                pass
        return time.perf_counter() - started


def best_loops(graph: Path, stacks: NDArray[np.uint8], limit: int = 48) -> list[BareLoop]:
    """The three fastest of the ways to call ONNX Runtime, each timed three times."""
    sizes, counts = (1, 2, 4, 8, 16, 32), sorted({1, available_cpus()})
    loops = [BareLoop(graph, stacks, threads, batch) for threads in counts for batch in sizes]
    for loop in loops:
        loop.seconds(loop.batch)
    times = np.min([[loop.seconds(limit) for loop in loops] for _ in range(3)], axis=0)
    return [loops[index] for index in np.argsort(times)[:3]]


def plain_timm(members: Sequence[tuple[str, int, int]], classes: int, photos: Sequence[Path]) -> float:
    """Photos a second of the script that a tutorial would show, for members (name, side, views)."""
    models, transforms = [], []
    for name, side, _ in members:
        model = timm.create_model(name, pretrained=False, num_classes=classes).eval()
        config = timm.data.resolve_model_data_config(model, {"input_size": (3, side, side)})
        models.append(model)
        transforms.append(timm.data.create_transform(**config))
    started = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(photos), 16):
            said = []
            opened = [Image.open(path).convert("RGB") for path in photos[start : start + 16]]
            for model, transform, (_, _, views) in zip(models, transforms, members, strict=True):
                images = torch.stack([transform(photo) for photo in opened])
                said += [model(look) for look in [images, images.flip(3)][:views]]
            torch.stack(said).mean(0).softmax(1).topk(min(5, classes))
    return len(photos) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = photos_below(arguments.photos)
    photos = found[:: max(1, len(found) // arguments.limit)][: arguments.limit]
    recognizer = Recognizer(arguments.model)
    members = recognizer.manifest.members
    if any(facts.views > 2 for facts in members):
        raise SystemExit("expected a model with one or two views")
    loops = []
    for facts in members:
        preprocess = facts.preprocess
        draft = preprocess.draft_size
        stacks = np.stack([photo_views(open_photo(path, draft=draft), preprocess, facts.views) for path in photos])
        loops.append(best_loops(arguments.model / facts.graph, stacks))
        names = "; ".join(loop.name for loop in loops[-1])
        print(f"{facts.options['backbone']}, {facts.views} view(s); bare loops: {names}", flush=True)
    plain = [(resolve_name(facts.options["backbone"]), facts.preprocess.image_size, facts.views) for facts in members]
    predict(recognizer, photos[:16])
    plain_timm(plain, len(recognizer.classes), photos[:16])
    ratios: list[tuple[float, float]] = []
    for _ in range(arguments.rounds):
        bare = len(photos) / sum(min(loop.seconds() for loop in ways) for ways in loops)
        ours = predict(recognizer, photos)
        theirs = plain_timm(plain, len(recognizer.classes), photos[::4])
        ratios.append((ours / bare, ours / theirs))
        print(
            f"{len(photos)} photos: predict {ours:.1f} photos/s, bare loop {bare:.1f}, plain timm {theirs:.1f}",
            flush=True,
        )
    for title, values in zip(("bare loop", "plain timm"), zip(*ratios, strict=True), strict=True):
        each = ", ".join(f"{value:.2f}" for value in values)
        print(f"predict / {title}: {statistics.median(values):.2f} (of {each})")


if __name__ == "__main__":
    main()
