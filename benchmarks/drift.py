"""How often does drift raise a false alarm on photos of the same data, and how often does it find a change?

    python benchmarks/drift.py DATA... [--trials 200] [--known 150] [--new 100]

Half of the groups fit a linear head on frozen EfficientNet-Lite0 features. From the other half, one photo of each
group, known and new photos are drawn. Printed for each data set: the share of trials with an alarm at a level of 5% if
nothing was changed, and if the new photos were distorted.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from sklearn.linear_model import LogisticRegression

from fieldmark.backbones.bundled_embeddings import embed
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.prepare import survey
from fieldmark.data.read import read
from fieldmark.data.splits import join_groups
from fieldmark.evaluation.drift import Sample, compare_samples
from fieldmark.openset.projection import Projection

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "20% darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "60% darker": lambda image: ImageEnhance.Brightness(image).enhance(0.4),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(min(image.size) / 100)),
    "without colour": lambda image: image.convert("L").convert("RGB"),
}
POOL = 240


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--known", type=int, default=150)
    parser.add_argument("--new", type=int, default=100)
    options = parser.parse_args()
    print(f"| data | unchanged | {' | '.join(CHANGES)} |")
    print("| --- |" + " --- |" * (1 + len(CHANGES)))
    for data in options.data:
        seen = survey(read(data))
        labels = np.array(seen.records.labels)
        groups = np.array(join_groups(seen.records, seen.groups()))
        features = embed(seen.records.paths)
        generator = np.random.default_rng(0)
        train = (generator.permutation(int(groups.max()) + 1) % 2 == 0)[groups]
        head = _Head(features[train], labels[train])
        _, first = np.unique(groups, return_index=True)  # a photo for each group: photos are independent
        rest = generator.permutation(first[~train[first]])
        pool = rest[:POOL]
        variants = {"unchanged": features[pool]}
        for name, change in CHANGES.items():
            variants[name] = _embed_changed([seen.records.paths[row] for row in pool], change)
        known = features[rest[POOL:]]
        shares = []
        for name, vectors in variants.items():
            alarms = 0
            for trial in range(options.trials):
                if name == "unchanged":
                    rows = generator.permutation(len(rest))[: options.known + options.new]
                    before, now = features[rest[rows[: options.known]]], features[rest[rows[options.known :]]]
                else:
                    before = known[generator.permutation(len(known))[: options.known]]
                    now = vectors[generator.permutation(len(vectors))[: options.new]]
                tests, _ = compare_samples(head(before), head(now), head.num_classes, permutations=199, seed=trial)
                alarms += min(test.adjusted for test in tests) <= 0.05
            shares.append(f"{alarms / options.trials:.3f}")
        print(f"| {data.name} | {' | '.join(shares)} |", flush=True)


class _Head:
    """A linear head and a projection, as a model has them."""

    def __init__(self, features: np.ndarray, labels: np.ndarray) -> None:
        self._center = features.mean(0)
        self._scale = 1.0 / np.sqrt(np.square(features - self._center).sum(1).mean())
        self._projection = Projection.fit(features)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._model = LogisticRegression(C=15.0, max_iter=60, tol=1e-3).fit(self._rows(features), labels)
        self.num_classes = int(labels.max()) + 1

    def __call__(self, features: np.ndarray) -> Sample:
        probabilities = self._model.predict_proba(self._rows(features))
        answers = self._model.classes_[probabilities.argmax(1)]
        return Sample(self._projection(features), probabilities.max(1), answers)

    def _rows(self, features: np.ndarray) -> np.ndarray:
        return (features - self._center) * self._scale


def _embed_changed(paths: list[Path], change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, path in enumerate(paths):
            files.append(Path(folder) / f"{number}.png")
            change(open_photo(path)).save(files[-1], compress_level=1)
        return embed(files)


if __name__ == "__main__":
    main()
