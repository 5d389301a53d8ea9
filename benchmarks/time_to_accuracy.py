"""Accuracy against wall time: Fieldmark, fastai and a linear probe on timm's features, on the same photos.

    pip install fastai
    python benchmarks/time_to_accuracy.py PHOTOS [--budgets 30s,2m] [--fine-tune 2m] [--epochs 1,3] [--plot FILE.svg]

Fieldmark starts from a cold cache and its time includes the start of the process. Its points are the default `fit`,
`fit --method linear_probe`, `fit` with each budget, and `fit --method fine_tune` with a budget. fastai trains as in
`flowers17_vs_fastai.py`, and its time is training alone. The linear probe is what a person would write: timm's
EfficientNet-Lite0 in eager mode with timm's own transform, average pooling, and scikit-learn's logistic regression; its
time is from the first file to the fitted head. All use the same ImageNet weights and the test photos of the same split.

A point of a peer is beaten where a point of Fieldmark is at least as accurate and takes no longer.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from commands import fieldmark
from flowers17_vs_fastai import fit_fastai

from fieldmark import load


@dataclass(frozen=True)
class Point:
    """A fit: who made it, wall seconds, top-1 on test."""

    name: str
    seconds: float
    top1: float

    def __str__(self) -> str:
        return f"{self.name}: {self.top1:.4f} after {self.seconds:.1f} s"


def ours(data: Path, folder: Path, name: str, *options: str) -> tuple[Point, Path]:
    model, cache = folder / name.replace(" ", "-"), folder / f"{name.replace(' ', '-')}-cache"
    run = fieldmark("fit", data, "--out", model, "--seed", "0", *options, cache=cache)
    top1 = fieldmark("evaluate", model, "--json", cache=cache).json["top1_accuracy"]
    return Point(f"fieldmark, {name}", run.seconds, top1), model


def linear_probe(data: Path, model: Path) -> Point:
    """timm in eager mode and scikit-learn, on the split that `model` remembers."""
    import numpy as np
    import torch
    from PIL import Image
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from timm.data import create_transform, resolve_data_config
    from torch.utils.data import DataLoader, Dataset

    from fieldmark.backbones.factory import create_backbone

    backbone = create_backbone().eval()
    transform = create_transform(**resolve_data_config({}, pretrained_cfg=backbone.config))
    rows = list(load(model).split())

    class Files(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, index: int) -> torch.Tensor:
            return transform(Image.open(data / rows[index].path).convert("RGB"))

    started = time.perf_counter()
    with torch.inference_mode():
        found = [backbone(batch).mean((2, 3)).numpy() for batch in DataLoader(Files(), 32, num_workers=2)]
    features, labels = np.concatenate(found), np.array([row.label for row in rows])
    test = np.array([row.split == "test" for row in rows])
    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features[~test], labels[~test])
    seconds = time.perf_counter() - started
    return Point("timm and scikit-learn, linear probe", seconds, float(head.score(features[test], labels[test])))


def plot(points: list[Point], file: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for peer, marker in (("fieldmark", "o"), ("fastai", "s"), ("timm", "^")):
        some = sorted((point for point in points if point.name.startswith(peer)), key=lambda point: point.seconds)
        axes.plot([one.seconds for one in some], [one.top1 for one in some], marker, label=peer)
        for one in some:
            axes.annotate(one.name.partition(", ")[2], (one.seconds, one.top1), fontsize=7, rotation=20)
    axes.set(xlabel="wall seconds", ylabel="top-1 on test", xscale="log")
    axes.legend()
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--budgets", default="30s,2m")
    parser.add_argument("--fine-tune", default="2m")
    parser.add_argument("--epochs", default="1,3", help="of fastai, after one of the head")
    parser.add_argument("--test-fraction", type=float, help="for photos without splits")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    carve = [] if arguments.test_fraction is None else ["--set", f"test_fraction={arguments.test_fraction}"]
    points: list[Point] = []

    def note(point: Point) -> None:
        points.append(point)
        print(f"  {point}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, model = ours(arguments.data, folder, "default", *carve)
        note(first)
        note(linear_probe(arguments.data, model))
        note(ours(arguments.data, folder, "linear_probe", "--method", "linear_probe", *carve)[0])
        for budget in filter(None, arguments.budgets.split(",")):
            note(ours(arguments.data, folder, f"budget {budget}", "--budget", budget, *carve)[0])
        if arguments.fine_tune:
            tuned = ["--method", "fine_tune", "--budget", arguments.fine_tune]
            note(ours(arguments.data, folder, f"fine_tune {arguments.fine_tune}", *tuned, *carve)[0])
        for epochs in filter(None, arguments.epochs.split(",")):
            seconds, top1 = fit_fastai(arguments.data, model, int(epochs))
            note(Point(f"fastai, 1 + {epochs} epochs", seconds, top1))
    mine = [point for point in points if point.name.startswith("fieldmark")]
    for point in points:
        if point not in mine:
            better = [one for one in mine if one.top1 >= point.top1 and one.seconds <= point.seconds]
            print(f"{point}; " + (f"beaten by {better[0]}" if better else "not beaten"))
    if arguments.plot:
        plot(points, arguments.plot)


if __name__ == "__main__":
    main()
