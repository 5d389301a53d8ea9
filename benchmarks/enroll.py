"""Ten species left out of the fit join one after the other from five photos each: what they gain, what others lose.

python benchmarks/enroll.py CUB_200_2011_first50 [--left-out 10] [--shots 5] [--draws 3] [--method linear_probe]

The peer is a fit with all classes and all their photos, which is what one would do without enrolling.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from fieldmark.api import Recognizer, fit, load
from fieldmark.data.class_subset import choose_classes
from fieldmark.data.read import read
from fieldmark.evaluation.evaluate import evaluate
from fieldmark.recognizer.enroll import enroll, unenroll
from fieldmark.structures import RecordList


def accuracy(recognizer: Recognizer, photos: RecordList) -> dict[str, float]:
    """Class -> share of its photos that are answered right."""
    best = recognizer.scores(photos).probabilities.argmax(1)
    right = [
        recognizer.classes[label] == photos.classes[record.label] for label, record in zip(best, photos, strict=True)
    ]
    names = [photos.classes[record.label] for record in photos]
    return {
        name: float(np.mean([hit for hit, own in zip(right, names, strict=True) if own == name])) for name in set(names)
    }


def draw(data: RecordList, method: str, seed: int, left_out: int, shots: int, folder: Path) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    out = [data.classes[label] for label in rng.permutation(len(data.classes))[:left_out]]
    inside = choose_classes(data, ",".join(name for name in data.classes if name not in out))
    model = folder / f"model-{seed}"
    recognizer = fit(inside, model, method=method, seed=seed)
    test = data.of_split("test")
    old = test.like(record for record in test if data.classes[record.label] not in out)
    new = test.like(record for record in test if data.classes[record.label] in out)
    before, answers = recognizer.scores(old).probabilities, evaluate(recognizer, split="val").metrics.top1_accuracy
    truth = [recognizer.class_to_idx[data.classes[record.label]] for record in old]
    seconds, embedding = [], []
    for name in out:
        photos = [record.path for record in data if record.split == "train" and data.classes[record.label] == name]
        chosen = [photos[index] for index in rng.permutation(len(photos))[:shots]]
        started = time.perf_counter()
        load(model).embeddings(chosen)
        embedding.append(time.perf_counter() - started)
        started = time.perf_counter()
        enroll(model, name, chosen)
        seconds.append(time.perf_counter() - started)
    enrolled = load(model)
    after = enrolled.scores(old).probabilities
    found = {
        "old_before": float((before.argmax(1) == truth).mean()),
        "old_after": float((after.argmax(1) == truth).mean()),
        "new_classes": statistics.mean(accuracy(enrolled, new).values()),
        "old_photos_unchanged": float((after[:, : before.shape[1]] == before).all(1).mean()),
        "val_top1": answers,
        "enroll_seconds": statistics.median(seconds),
        "of_which_loading_and_embedding": statistics.median(embedding),
    }
    for name in out:
        unenroll(model, name)
    found["same_after_unenroll"] = float((load(model).scores(old).probabilities == before).all())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--left-out", type=int, default=10)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--method", default="linear_probe")
    arguments = parser.parse_args()
    data = read(arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for seed in range(arguments.draws):
            rows.append(draw(data, arguments.method, seed, arguments.left_out, arguments.shots, Path(folder)))
            print(f"draw {seed}: " + ", ".join(f"{name} {value:.4g}" for name, value in rows[-1].items()), flush=True)
        means = {name: statistics.mean(row[name] for row in rows) for name in rows[0]}
        print("mean: " + ", ".join(f"{name} {value:.4g}" for name, value in means.items()))
        full = fit(data, Path(folder) / "all", method=arguments.method)
        peer = accuracy(full, data.of_split("test"))
        print(f"peer, fitted with all photos of all classes: {statistics.mean(peer.values()):.4g}")
        print(f"new classes, enrolled / fitted: {means['new_classes'] / statistics.mean(peer.values()):.3f}")


if __name__ == "__main__":
    main()
