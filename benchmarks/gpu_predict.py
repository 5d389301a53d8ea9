"""From files to answers on a GPU, against its two bounds in the same run: decoding alone, and the network alone.

    python benchmarks/gpu_predict.py MODEL PHOTOS [--device cuda] [--repeat 3] [--limit N] [--agree]

Decoding alone opens, shrinks and mirrors the photos on all cores as `predict` does. The network alone runs the model's
members on views that lie on the GPU already. `--agree` also answers every photo on the CPU and compares.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fieldmark import Recognizer, load
from fieldmark.artifact.load_method import load_method
from fieldmark.backbones.onnx_export import Normalized
from fieldmark.backbones.runners.batches import available_cpus, in_batches
from fieldmark.data.photos.views import photo_views
from fieldmark.recognizer.inputs import to_image
from fieldmark.training.method_graph import NamedOutputs

ENDINGS = (".jpg", ".jpeg", ".png")


def decoding(model: Recognizer, photos: Sequence[Path]) -> float:
    """Photos a second, decoded into every view that the members read."""
    side = model.graphs.draft_side

    def work(batch: Sequence[Path]) -> int:
        for path in batch:
            image = to_image(path, draft=(side, side))
            for member in model.manifest.members:
                photo_views(image, member.preprocess, member.views)
        return len(batch)

    started = time.monotonic()
    count = sum(in_batches(photos, work, batch_size=16))
    return count / (time.monotonic() - started)


def network(model: Recognizer, device: str, seconds: float = 3.0) -> float:
    """Photos a second through all members in float16, the views of each photo on the device already."""
    import torch

    runs = []
    for member in model.manifest.members:
        method = load_method(model.folder, model.manifest, member)
        module = Normalized(NamedOutputs(method), member.preprocess).eval().to(device)
        module = module.to(memory_format=torch.channels_last)
        side, count = member.preprocess.image_size, 128
        views = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, device=device)
        runs.append((module, views, count / member.views))
    slowness = 0.0
    for module, views, photos in runs:
        with torch.inference_mode(), torch.autocast(device, torch.float16, enabled=device != "cpu"):
            for _ in range(3):
                module(views)
            _wait(device)
            started, done = time.monotonic(), 0
            while time.monotonic() - started < seconds:
                module(views)
                _wait(device)
                done += 1
        slowness += (time.monotonic() - started) / (done * photos)
    return 1.0 / slowness


def _wait(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def predicting(model: Recognizer, photos: Sequence[Path]) -> float:
    started = time.monotonic()
    answers = model.predict(photos)
    assert not any(answer.error for answer in answers)
    return len(photos) / (time.monotonic() - started)


def agreement(folder: Path, photos: Sequence[Path], device: str) -> dict[str, float]:
    """How far the answers and embeddings of the device are from those of the CPU."""
    on_cpu, other = load(folder, device="cpu"), load(folder, device=device)
    a, b = on_cpu.scores(photos).probabilities, other.scores(photos).probabilities
    cosine = np.einsum("nd,nd->n", on_cpu.embeddings(photos).vectors, other.embeddings(photos).vectors)
    differ = a.argmax(1) != b.argmax(1)
    top = np.sort(a, axis=1)
    return {
        "same_class": float(1 - differ.mean()),
        "differing_photos": int(differ.sum()),
        "largest_lead_of_a_differing_photo": float((top[:, -1] - top[:, -2])[differ].max(initial=0.0)),
        "largest_probability_difference": float(np.abs(a - b).max()),
        "smallest_cosine": float(cosine.min()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--agree", action="store_true")
    arguments = parser.parse_args()
    photos = sorted(path for path in arguments.photos.rglob("*") if path.suffix.lower() in ENDINGS)[: arguments.limit]
    model = load(arguments.model, device=arguments.device)
    predicting(model, photos[:512])  # the first call loads kernels
    for _ in range(arguments.repeat):
        found = {
            "predict": predicting(model, photos),
            "decoding_alone": decoding(model, photos),
            "network_alone": network(model, arguments.device),
        }
        bound = min(found["decoding_alone"], found["network_alone"])
        shown = {name: round(value, 1) for name, value in found.items()}
        print(json.dumps(shown | {"ratio": round(found["predict"] / bound, 3), "cores": available_cpus()}), flush=True)
    if arguments.agree:
        print(json.dumps(agreement(arguments.model, photos, arguments.device)), flush=True)


if __name__ == "__main__":
    main()
