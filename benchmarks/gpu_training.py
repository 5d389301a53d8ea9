"""Training throughput on a GPU against the network's own bound in the same run, and the time of a whole fit by phase.

The bound is a plain PyTorch loop: the same network, loss, clipping and fused AdamW in bfloat16 and channels-last, on
one batch that lies on the GPU already. Ours are epochs as `fit` runs them: other photos in each batch, cropped and
mirrored from their seeds, MixUp, a moving average of the weights. The first epoch is a warm-up and is not counted.

    python benchmarks/gpu_training.py [CUB_200_2011_first50] [--batches 32,128] [--epochs 4] [--device cuda] [--fit]

Prints one JSON line for each measurement. Without a path it makes random photos. `--fit` needs a path; without lancedb
it ends with the phase that needs it.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.read import read
from fieldmark.methods.base import Method
from fieldmark.methods.build import method_options
from fieldmark.methods.fine_tune import FineTune
from fieldmark.structures import Record, RecordList
from fieldmark.training.gradient.augment import normalize
from fieldmark.training.gradient.hardware import half_precision, start_fabric, training_device
from fieldmark.training.gradient.learner import Learner, freeze_for, set_learning_mode
from fieldmark.training.gradient.optim import WarmupCosine, build_optimizer
from fieldmark.training.gradient.photo_batches import TrainingPhotos
from fieldmark.training.gradient.train_by_gradient import initial_method

PHASES = (
    ("fieldmark.fit", "prepare"),
    ("fieldmark.fit", "train"),
    ("fieldmark.training.gradient.train_by_gradient", "probed_method"),
    ("fieldmark.training.gradient.photo_batches", "TrainingPhotos"),
    ("fieldmark.training.gradient.photo_batches", "ValPhotos"),
    ("fieldmark.training.gradient.loop", "train_method"),
    ("fieldmark.fit", "calibrate"),
    ("fieldmark.fit", "certify"),
    ("fieldmark.fit", "fit_openset"),
    ("fieldmark.fit", "save_artifact"),
)
"""Functions, and classes by their construction, whose time `--fit` adds up. Some contain others: `train` the five after
it, and `train_method` the two photo classes."""


def random_photos(folder: Path, count: int, classes: int, side: int) -> RecordList:
    """JPEG files of smooth noise, 3:2, a quarter larger than the network's input."""
    random = np.random.default_rng(0)
    records = []
    for index in range(count):
        pixels = random.integers(0, 256, (24, 36, 3), dtype=np.uint8)
        path = folder / f"{index}.jpg"
        Image.fromarray(pixels).resize((round(1.9 * side), round(1.25 * side)), Image.Resampling.BICUBIC).save(path)
        records.append(Record(path, index % classes))
    return RecordList(records, [f"class {index}" for index in range(classes)])


def build(settings: Any, classes: int, device: torch.device) -> tuple[Method, Preprocess]:
    method = initial_method(settings, {"backbone": settings.backbone, **method_options(settings)}, classes)
    preprocess = method.backbone.preprocess(settings.image_size, settings.resize)
    freeze_for(method, method.stages()[0], settings)
    return method.to(device).to(memory_format=torch.channels_last), preprocess


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def bound(settings: Any, classes: int, device: torch.device, steps: int) -> float:
    """Images a second of a plain loop on one batch that lies on the device."""
    method, preprocess = build(settings, classes, device)
    set_learning_mode(method, frozen_batchnorm=False)
    optimizer = build_optimizer(method, settings)
    side, size = preprocess.image_size, settings.batch_size
    images = normalize(torch.randint(0, 256, (size, 3, side, side), dtype=torch.uint8, device=device), preprocess)
    labels = torch.arange(size, device=device) % classes
    half = half_precision(settings.precision, device)
    parameters = [parameter for parameter in method.parameters() if parameter.requires_grad]
    started = 0.0
    for step in range(-5, steps):
        if step == 0:
            wait(device)
            started = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            loss = method.loss(method(images), labels, label_smoothing=settings.label_smoothing)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
    wait(device)
    return size * steps / (time.perf_counter() - started)


def epochs(settings: Any, records: RecordList, device: torch.device) -> dict[str, float]:
    """Images a second of our epochs after the first, and the seconds before and in the first."""
    method, preprocess = build(settings, len(records.classes), device)
    fabric = start_fabric(device, half=half_precision(settings.precision, device))
    started = time.perf_counter()
    photos = TrainingPhotos(records, preprocess, settings, fabric)
    wait(device)
    decoded = time.perf_counter() - started
    schedule = WarmupCosine(settings.epochs * photos.steps(0), settings.warmup)
    learner = Learner(fabric, method, settings, method.stages()[0], 0, preprocess, schedule)
    seconds = []
    for epoch in range(settings.epochs):
        started = time.perf_counter()
        learner.begin_epoch()
        for batch in photos.batches(0, epoch):
            learner.step(batch)
        wait(device)
        seconds.append(time.perf_counter() - started)
    later = seconds[1:]
    return {
        "images_per_second": len(records) * len(later) / sum(later),
        "decode_seconds": decoded,
        "first_epoch_seconds": seconds[0],
        "epoch_seconds": sum(later) / len(later),
        "photos_on_device": float(photos.on_device is not None),
    }


def timed_phases() -> dict[str, float]:
    """Wrap `PHASES` wherever the package uses them; their seconds appear in the result as they pass."""
    spent: dict[str, float] = defaultdict(float)

    def wrapped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                spent[name] += time.perf_counter() - started

        return call

    for module, name in PHASES:
        original = getattr(importlib.import_module(module), name, None)
        if isinstance(original, type):
            original.__init__ = wrapped(name, original.__init__)  # type: ignore[misc]
        elif original is not None:
            users = [user for key, user in list(sys.modules.items()) if key.startswith("fieldmark")]
            for user in users:
                for attribute, value in list(vars(user).items()):
                    if value is original:
                        setattr(user, attribute, wrapped(name, original))
    return spent


def time_fit(data: Path, device: str, batch_size: int, backbone: str, size: int) -> dict[str, Any]:
    """Seconds of a fit with 8 epochs, in all and by phase, and its accuracy on val."""
    from fieldmark.fit import fit

    spent = timed_phases()
    started = time.perf_counter()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            options = {"backbone": backbone, "image_size": size, "epochs": 8, "device": device}
            model = Path(folder) / "model"
            fit(data, model, method="fine_tune", overrides=[f"batch_size={batch_size}"], **options)
            found["val_top1"] = json.loads((model / "fieldmark.json").read_text())["figures"].get("val_top1")
        except ImportError as error:
            found["ended_by"] = str(error)
    return found | {"seconds": time.perf_counter() - started, "phases": dict(spent)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, help="photos; random ones by default")
    parser.add_argument("--backbone", default="lite2")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--batches", default="32,128")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--photos", type=int, default=1350)
    parser.add_argument("--steps", type=int, default=60, help="steps that measure the bound")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--fit", action="store_true", help="also time a whole fit by phase")
    arguments = parser.parse_args()
    device = training_device(arguments.device)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        if arguments.data is None:
            records = random_photos(Path(folder), arguments.photos, 50, arguments.size)
        else:
            found = read(arguments.data)
            records = found.like([record for record in found if record.split != "test"][: arguments.photos])
        for batch_size in map(int, arguments.batches.split(",")):
            settings = FineTune.Settings(
                backbone=arguments.backbone, image_size=arguments.size, batch_size=batch_size, epochs=arguments.epochs
            )
            limit = bound(settings, len(records.classes), device, arguments.steps)
            ours = epochs(settings, records, device)
            ratio = ours["images_per_second"] / limit
            row = {"card": card, "batch_size": batch_size, "bound": limit, **ours, "ratio": ratio}
            print(json.dumps(row), flush=True)
    if arguments.fit:
        row = time_fit(arguments.data, arguments.device, 32, arguments.backbone, arguments.size)
        print(json.dumps({"card": card, "fit": row}), flush=True)


if __name__ == "__main__":
    main()
