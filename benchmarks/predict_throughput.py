"""`predict` from files against two loops that a person could write: bare ONNX Runtime, and plain timm in PyTorch.

    python benchmarks/predict_throughput.py MODEL PHOTOS [--limit 500] [--rounds 3]

MODEL has one member. The bare loop gets the model's own graph, ONNX Runtime's threading, the batch size that is best
for it, and tensors that are decoded and shrunk already, as many views of each photo as the model takes. The plain
script opens each photo with Pillow, prepares it with timm's transform, and runs timm's model of the same name in eager
mode in batches of 16, with as many views; its weights are random, which does not change its speed. All three in turns,
with all cores.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import timm
import torch
from numpy.typing import NDArray
from PIL import Image

from fieldmark import Recognizer
from fieldmark.backbones.factory import resolve_name
from fieldmark.data.photos import open_photo
from fieldmark.data.preprocess import Preprocess
from fieldmark.data.read import is_photo
from fieldmark.data.views import photo_views


def predict(recognizer: Recognizer, photos: list[Path]) -> float:
    """Photos a second, from files to answers."""
    started = time.perf_counter()
    answers = list(recognizer.answers(photos))
    assert all(answer.error is None for answer in answers)
    return len(photos) / (time.perf_counter() - started)


def bare_loop(session: ort.InferenceSession, stacks: NDArray[np.uint8], batch: int) -> float:
    """Photos a second, from tensors (n, V, S, S, 3) to logits."""
    started = time.perf_counter()
    for start in range(0, len(stacks), batch):
        for view in range(stacks.shape[1]):
            session.run(["logits"], {"images": np.ascontiguousarray(stacks[start : start + batch, view])})
    return len(stacks) / (time.perf_counter() - started)


def plain_timm(name: str, classes: int, views: int, photos: list[Path]) -> float:
    """Photos a second of the script that a tutorial would show."""
    model = timm.create_model(name, pretrained=False, num_classes=classes).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    started = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(photos), 16):
            images = torch.stack([transform(Image.open(path).convert("RGB")) for path in photos[start : start + 16]])
            looks = [images, images.flip(3)][:views]
            torch.stack([model(look) for look in looks]).mean(0).softmax(1).topk(min(5, classes))
    return len(photos) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = sorted(path for path in arguments.photos.rglob("*") if path.is_file() and is_photo(path.name))
    photos = found[:: max(1, len(found) // arguments.limit)][: arguments.limit]
    recognizer = Recognizer(arguments.model)
    (facts,) = recognizer.manifest.members
    if facts.views > 2:
        raise SystemExit(f"expected a model with one or two views, but it has {facts.views}")
    preprocess = Preprocess.from_dict(facts.preprocess)
    stacks = np.stack([photo_views(open_photo(path), preprocess, facts.views) for path in photos])
    session = ort.InferenceSession(str(arguments.model / facts.graph), providers=["CPUExecutionProvider"])
    best = max((1, 4, 8, 16, 32), key=lambda size: bare_loop(session, stacks[:96], size))
    name, classes = resolve_name(facts.options["backbone"]), len(recognizer.classes)
    predict(recognizer, photos[:16])
    plain_timm(name, classes, facts.views, photos[:16])
    ratios: list[tuple[float, float]] = []
    for _ in range(arguments.rounds):
        bare, ours = bare_loop(session, stacks, best), predict(recognizer, photos)
        plain = plain_timm(name, classes, facts.views, photos)
        ratios.append((ours / bare, ours / plain))
        print(
            f"{len(photos)} photos, {facts.views} view(s): predict {ours:.0f} photos/s, bare loop in batches of {best} "
            f"{bare:.0f}, plain timm {plain:.0f}",
            flush=True,
        )
    for title, values in zip(("bare loop", "plain timm"), zip(*ratios, strict=True), strict=True):
        each = ", ".join(f"{value:.2f}" for value in values)
        print(f"predict / {title}: {statistics.median(values):.2f} (of {each})")


if __name__ == "__main__":
    main()
