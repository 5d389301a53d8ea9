"""Photos that `fine_tune` learns from in a second, against fastai and a loop of timm's own parts.

All three train EfficientNet-Lite0 at 224 px with all its weights, batches of 32, random crops, mirroring and colours,
on the same photos, from files. Ours takes the default settings. fastai is a `Learner` with its usual augmentation
(`aug_transforms`); timm is what its `train.py` does on a CPU: `create_loader` with its augmentation, SGD, eager mode.
The first epoch of each warms up: files in the cache of the system, memory, our photos in memory. Then they train in
turns, an epoch each.

    pip install fastai
    python benchmarks/training_throughput.py PHOTOS [--photos 512] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import timm
import torch
from timm.data import create_loader
from timm.optim import create_optimizer_v2
from torch import Tensor, nn

from fieldmark.backbones.factory import create_backbone
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.fine_tune import FineTune
from fieldmark.structures import Record, RecordList
from fieldmark.training.gradient.hardware import half_precision, start_fabric
from fieldmark.training.gradient.learner import Learner
from fieldmark.training.gradient.optim import WarmupCosine
from fieldmark.training.gradient.photo_batches import TrainingPhotos

BATCH, SIZE = 32, 224
Epoch = Callable[[int], int]
"""Trains an epoch with that number, and returns how many photos it learned from."""


def ours(records: RecordList) -> Epoch:
    settings = FineTune.Settings(batch_size=BATCH)
    method = FineTune(create_backbone(), len(records.classes), poolings=settings.poolings)
    preprocess = method.backbone.preprocess()
    assert preprocess.image_size == SIZE
    method.to(memory_format=torch.channels_last)
    device = torch.device("cpu")
    fabric = start_fabric(device, half=half_precision("auto", device))
    learner = Learner(fabric, method, settings, method.stages()[0], 0, preprocess, WarmupCosine(10_000, 0.1))
    photos = TrainingPhotos(records, preprocess, settings, fabric)

    def epoch(number: int) -> int:
        learner.begin_epoch()
        seen = 0
        for batch in photos.batches(0, number):
            learner.step(batch)
            seen += len(batch.labels)
        return seen

    return epoch


def fastai(records: RecordList) -> Epoch:
    from fastai.vision.all import (
        CategoryBlock,
        DataBlock,
        ImageBlock,
        Normalize,
        RandomSplitter,
        Resize,
        aug_transforms,
        create_head,
    )
    from fastai.vision.all import (
        Learner as Theirs,
    )

    backbone = create_backbone()
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=lambda record: record.path,
        get_y=lambda record: record.label,
        splitter=RandomSplitter(0),
        item_tfms=Resize(256),
        batch_tfms=[*aug_transforms(size=SIZE), Normalize.from_stats(backbone.config["mean"], backbone.config["std"])],
    )
    loaders = block.dataloaders(list(records), bs=BATCH, num_workers=2)
    learner = Theirs(loaders, nn.Sequential(backbone, create_head(backbone.channels, loaders.c)), metrics=[])
    learner.dls.valid = loaders.valid.new([])

    def epoch(_: int) -> int:
        with learner.no_bar(), learner.no_logging():
            learner.fit(1)
        return len(loaders.train) * BATCH

    return epoch


class _Photos(torch.utils.data.Dataset[tuple[object, int]]):
    """What timm's loader reads; the loader sets `transform`."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.transform: Callable[[object], Tensor] = lambda image: torch.empty(0)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[object, int]:
        from PIL import Image

        record = self.records[index]
        return self.transform(Image.open(record.path).convert("RGB")), record.label


def plain_timm(records: RecordList) -> Epoch:
    network = timm.create_model("tf_efficientnet_lite0", num_classes=len(records.classes))
    loader = create_loader(
        _Photos(list(records)),
        input_size=(3, SIZE, SIZE),
        batch_size=BATCH,
        is_training=True,
        use_prefetcher=False,
        color_jitter=0.4,
        interpolation="bilinear",
        num_workers=2,
        device=torch.device("cpu"),
        persistent_workers=True,
    )
    optimizer = create_optimizer_v2(network, "sgd", lr=0.01, weight_decay=2e-5)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)

    def epoch(_: int) -> int:
        network.train()
        seen = 0
        for images, labels in loader:
            optimizer.zero_grad()
            loss(network(images), labels).backward()
            optimizer.step()
            seen += len(labels)
        return seen

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    train = prepare(read(arguments.data)).photos.of_role("train").records
    few = train.like(list(train)[:: max(1, len(train) // arguments.photos)][: arguments.photos])
    trainers = {"fieldmark": ours(few), "fastai": fastai(few), "timm": plain_timm(few)}
    speeds: dict[str, list[float]] = {name: [] for name in trainers}
    for number in range(arguments.rounds + 1):
        for name, epoch in trainers.items():
            started = time.perf_counter()
            seen = epoch(number)
            speed = seen / (time.perf_counter() - started)
            print(f"epoch {number}, {name}: {speed:.1f} photos/s", flush=True)
            if number:
                speeds[name].append(speed)
    for name in ("fastai", "timm"):
        ratios = [own / other for own, other in zip(speeds["fieldmark"], speeds[name], strict=True)]
        print(f"fieldmark / {name}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
