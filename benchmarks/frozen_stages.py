"""Epochs on cached maps of the frozen stages against epochs that compute these stages in every step.

Both train the same last stages of the same network on the same photos, in turns, a few batches each. With --fits it
fits both ways instead, all else as `fit` does by default, and compares top-1 on test for several seeds. That folder
keeps the fits: the same command goes on where it was stopped, also inside a fit, from its last epoch.

    python benchmarks/frozen_stages.py PHOTOS [--freeze stage5] [--views 8] [--rounds 5]
    python benchmarks/frozen_stages.py PHOTOS [--freeze stage5] [--views 8] --fits FOLDER [--seeds 3] [--epochs 10]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

import fieldmark
from fieldmark.artifact.manifest import MANIFEST
from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.frozen_prefix import FrozenPrefix
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.fit import run_folder
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient.cached_maps import CachedTraining
from fieldmark.training.gradient.hardware import half_precision, start_fabric
from fieldmark.training.gradient.learner import Learner
from fieldmark.training.gradient.optim import WarmupCosine
from fieldmark.training.gradient.photo_batches import Batch, TrainingPhotos

STEPS = 4
"""Steps in one turn."""


def seconds(learner: Learner, batches: Iterator[Batch]) -> float:
    """Seconds for a step, its batch included."""
    started = time.perf_counter()
    for batch in itertools.islice(batches, STEPS):
        learner.step(batch)
    return (time.perf_counter() - started) / STEPS


def speed(data: Path, freeze: str, views: int, rounds: int) -> None:
    """Print how much faster a step is, and what the maps cost once."""
    records = prepare(read(data)).photos.of_role("train").records
    settings = FineTune.Settings(freeze=freeze, cached_views=views)
    method = FineTune(create_backbone(), len(records.classes), poolings=settings.poolings)
    preprocess = method.backbone.preprocess()
    method.to(memory_format=torch.channels_last)
    device = torch.device("cpu")
    fabric = start_fabric(device, half=half_precision("auto", device))
    method.backbone.freeze(freeze)
    learner = Learner(fabric, method, settings, method.stages()[0], 0, preprocess, WarmupCosine(10_000, 0.1))
    learner.begin_epoch()
    few = records.like(records[: 8 * settings.batch_size])
    photos = TrainingPhotos(few, preprocess, settings, fabric)
    again = TrainingPhotos(few, preprocess, settings, fabric)
    prefix = FrozenPrefix(method.backbone, preprocess.image_size)
    learner.begin_epoch()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        cached = CachedTraining(again, prefix, Path(folder), "cpu")
        once = (time.perf_counter() - started) / (views * len(few))
        ratios, plain = [], []
        for epoch in range(rounds + 1):
            slow = seconds(learner, photos.batches(0, epoch))
            with prefix.skipped():
                fast = seconds(learner, cached.batches(0, epoch))
            if epoch:  # the first turn warms up
                ratios.append(slow / fast)
                plain.append(slow / settings.batch_size)
        cached.close()
    print(f"steps on cached maps, frozen up to {freeze}: {statistics.median(ratios):.1f} times as fast", end=" ")
    print(f"(range {min(ratios):.1f} to {max(ratios):.1f}, {rounds} turns)")
    print(f"computing a map costs {once / statistics.median(plain):.2f} of a plain step for that photo")


def accuracy(data: Path, folder: Path, freeze: str, views: int, seeds: int, epochs: int) -> None:
    """Print top-1 on test of both ways, and their difference."""
    found: dict[int, list[float]] = {0: [], views: []}
    for seed, count in itertools.product(range(seeds), found):
        out = folder / f"{freeze}-{count}-views-{epochs}-epochs-seed-{seed}"
        if (out / MANIFEST).is_file():
            model = fieldmark.load(out)
        else:
            options = {"method": "fine_tune", "freeze": freeze, "cached_views": count, "epochs": epochs}
            resume = (run_folder(out) / "last.ckpt").is_file()
            model = fieldmark.fit(data, out, seed=seed, resume=resume, **options)
        found[count].append(model.evaluate().metrics.top1_accuracy)
        print(f"cached_views={count} seed {seed}: top-1 {found[count][-1]:.4f}", flush=True)
    means = [statistics.mean(each) for each in found.values()]
    pairs = [100 * (cached - plain) for plain, cached in zip(*found.values(), strict=True)]
    print(
        f"mean top-1: {means[0]:.4f} without, {means[1]:.4f} with cached maps; difference {statistics.mean(pairs):+.2f}"
    )
    print("points of each seed: " + ", ".join(f"{pair:+.2f}" for pair in pairs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--freeze", default="stage5")
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fits", type=Path, metavar="FOLDER")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    if arguments.fits is None:
        speed(arguments.data, arguments.freeze, arguments.views, arguments.rounds)
        return
    accuracy(arguments.data, arguments.fits, arguments.freeze, arguments.views, arguments.seeds, arguments.epochs)


if __name__ == "__main__":
    main()
