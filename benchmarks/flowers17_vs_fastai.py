"""Default `fit` against fastai on Oxford Flowers-17: same weights, same photos, one run.

60 photos a class to train on and 20 to test on, near-duplicates together, three seeds. fastai trains as its
documentation does: `fine_tune` with one epoch of the head, then one-cycle epochs of everything, at 224 px: as many of
them as it needs to reach the target, each attempt from the start. Only the attempt that reaches it counts, or the last
one that was allowed. Ours starts from a cold cache and includes starting the process; fastai's time is training alone.

    pip install fastai
    python benchmarks/flowers17_vs_fastai.py FLOWERS17 [--seeds 3] [--target 0.953] [--epochs 2,3,4,6]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from commands import fieldmark

from fieldmark import load


def fit_ours(data: Path, folder: Path, seed: int) -> tuple[float, float, Path]:
    """(seconds, test top-1, model folder) of the default fit."""
    model, cache = folder / f"model-{seed}", folder / f"cache-{seed}"
    run = fieldmark("fit", data, "--out", model, "--seed", str(seed), "--set", "test_fraction=0.25", cache=cache)
    top1 = fieldmark("evaluate", model, "--json", cache=cache).json["top1_accuracy"]
    print(
        f"  fieldmark, seed {seed}: {top1:.4f} in {run.seconds:.1f} s, peak {run.peak_bytes / 1e9:.2f} GB", flush=True
    )
    return run.seconds, top1, model


def fit_fastai(data: Path, model: Path, epochs: int) -> tuple[float, float]:
    """(seconds of training, test top-1) of fastai on the split that `model` remembers."""
    import torch
    from fastai.vision.all import (
        CategoryBlock,
        DataBlock,
        ImageBlock,
        IndexSplitter,
        Learner,
        Normalize,
        Resize,
        accuracy,
        aug_transforms,
        create_head,
        params,
        set_seed,
    )
    from torch import nn

    from fieldmark.backbones.factory import create_backbone

    set_seed(0)
    rows = [asdict(row) for row in load(model).split()]
    backbone = create_backbone()
    test = [index for index, row in enumerate(rows) if row["split"] == "test"]
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=lambda row: data / row["path"],
        get_y=lambda row: row["label"],
        splitter=IndexSplitter(test),
        item_tfms=Resize(256),
        batch_tfms=[*aug_transforms(size=224), Normalize.from_stats(backbone.config["mean"], backbone.config["std"])],
    )
    loaders = block.dataloaders(rows, bs=32, num_workers=2)
    network = nn.Sequential(backbone, create_head(backbone.channels, loaders.c))
    learner = Learner(loaders, network, metrics=accuracy, splitter=lambda m: [params(m[0]), params(m[1])])
    started = time.perf_counter()
    with learner.no_bar():
        learner.fine_tune(epochs, freeze_epochs=1)
    seconds = time.perf_counter() - started
    with torch.no_grad(), learner.no_bar():
        _, top1 = learner.validate()
    print(f"  fastai, 1 + {epochs} epochs: {top1:.4f} in {seconds:.1f} s", flush=True)
    return seconds, float(top1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--target", type=float, default=0.953)
    parser.add_argument("--epochs", default="2,3,4,6")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = [fit_ours(arguments.data, Path(folder), seed) for seed in range(arguments.seeds)]
        their_seconds, their_top1 = 0.0, 0.0
        for epochs in map(int, arguments.epochs.split(",")):
            their_seconds, their_top1 = fit_fastai(arguments.data, ours[0][2], epochs)
            if their_top1 >= arguments.target:
                break
    our_seconds, our_top1 = statistics.mean(run[0] for run in ours), statistics.mean(run[1] for run in ours)
    spread = max(run[1] for run in ours) - min(run[1] for run in ours)
    print(f"fieldmark {our_top1:.4f} (range {spread:.4f}) in {our_seconds:.1f} s on average")
    print(f"fastai {their_top1:.4f} in {their_seconds:.1f} s")
    print(f"time, fastai / fieldmark: {their_seconds / our_seconds:.1f}")


if __name__ == "__main__":
    main()
