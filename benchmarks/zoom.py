"""What zoomed views gain in cross-validation of the train photos, by how they are found and joined.

python benchmarks/zoom.py CUB_200_2011_first50 [--backbone lite0] [--image-size 224] [--resize squash]
    [--pooling avg gem] [--thresholds 0 1]

Views are those of the whole photo, of the object that the feature map shows, and of the annotated box where the data
have boxes. They are joined by one head that learns from all of them, by the mean of the log-probabilities of a head for
each, or by one head on both descriptors side by side. The heads are softmax regressions with C = 15; a mirror image
belongs to every view. For data with boxes, three figures of the found boxes are printed too: the mean IoU with the
annotated ones, the share of photos whose zoomed view shows at least 0.7 of the annotated box, and the median side of
that view over the longer side of the annotated box. No test photo is opened.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float32s, Floats, log_softmax
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.backbones.runners.run_images import ACTIVATION
from fieldmark.data.photos.annotations import upright_size
from fieldmark.data.photos.zoom import Zoom, find_object, zoom_region
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.layers.softmax_regression import fit_softmax
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.training.frozen.design_matrix import fit_scaling
from fieldmark.training.frozen.fold_numbers import fold_numbers
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone

C = 15.0


class CrossValidation:
    """Out-of-fold logits of softmax regressions on views of the train photos."""

    def __init__(self, frozen: FrozenBackbone, positions: np.ndarray) -> None:
        photos = frozen.photos
        self.labels = photos.labels[positions]
        groups = np.array(photos.groups, dtype=np.int64)[positions]
        self.fold_of = fold_numbers(self.labels, groups, 5, 0)
        self.classes = len(photos.classes)

    def logits(self, views: Float32s) -> Float32s:
        """The mean over views (n, V, D), of heads that learned from all views of the other folds."""
        count = views.shape[1]
        found = np.zeros((len(views), self.classes), dtype=np.float32)
        for fold in range(self.fold_of.max() + 1):
            inside, outside = self.fold_of != fold, np.flatnonzero(self.fold_of == fold)
            rows, labels = views[inside].reshape(-1, views.shape[2]), np.repeat(self.labels[inside], count)
            head = fit_softmax(rows, labels, self.classes, C / count, max_iter=60)
            held_out = views[outside].reshape(-1, views.shape[2])
            found[outside] = head(held_out).reshape(len(outside), count, -1).mean(1)
        return found

    def show(self, what: str, logits: Floats) -> None:
        print(f"  {what}: {(logits.argmax(1) == self.labels).mean():.4f}", flush=True)


def rows_of(table: FeatureTable, names: list[str], positions: np.ndarray, views: list[int]) -> Float32s:
    """Scaled descriptors (n, V, D) of some views of the table."""
    scaled = []
    for name in names:
        scaling = fit_scaling(table, name, positions)
        scaled.append(np.stack([scaling(table.read(name, positions, view)) for view in views], 1))
    return np.concatenate(scaled, 2)


def localisation(frozen: FrozenBackbone, table: FeatureTable, positions: np.ndarray, zoom: Zoom) -> str:
    """Return how well the annotated boxes are found."""
    rows = []
    for position in positions:
        record = frozen.photos.records[int(position)]
        if record.box is None:
            continue
        maps = np.concatenate([table.read(ACTIVATION, np.array([position]), view) for view in (0, 1)])
        size, true = upright_size(record), np.array(record.box)
        found = np.array(find_object(maps, frozen.preprocess, size, zoom))
        shown = np.array(zoom_region(tuple(found), size, zoom))
        inner = _overlap(found, true)
        rows.append(
            (
                inner / (_area(found) + _area(true) - inner),
                _overlap(shown, true) / _area(true) >= 0.7,
                (shown[2:] - shown[:2]).max() / (true[2:] - true[:2]).max(),
            )
        )
    iou, contained, side = np.array(rows, dtype=float).T
    return f"mean IoU {iou.mean():.3f}, contained {contained.mean():.3f}, side {np.median(side):.2f}"


def _area(box: np.ndarray) -> float:
    return float((box[2:] - box[:2]).prod())


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    edges = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.clip(edges, 0, None).prod())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--resize", default="squash")
    parser.add_argument("--pooling", nargs="+", default=["avg", "gem"])
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.0])
    arguments = parser.parse_args()
    photos = prepare(read(arguments.data)).photos.for_training()
    settings = LinearProbe.Settings(resize=arguments.resize)
    names = arguments.pooling
    frozen = FrozenBackbone(photos, settings, arguments.backbone, arguments.image_size, names, learn_val=True)
    validation, positions = CrossValidation(frozen, frozen.learned), frozen.learned
    keys = photos.key_of
    boxed = any(photos.records[int(position)].box is not None for position in positions)
    print(f"{frozen.label}, {arguments.resize}, {'+'.join(names)}, {len(positions):,} photos")
    kinds = {}
    for threshold in arguments.thresholds:
        zoom, kind = Zoom(threshold), f"found object, threshold {threshold:g}"
        kinds[kind] = frozen.features.extract(photos.records, zoom=zoom, content_keys=keys, description=kind)
        if boxed:
            print(f"  {kind}: {localisation(frozen, kinds[kind], positions, zoom)}")
    whole = rows_of(next(iter(kinds.values())), names, positions, [0, 1])
    validation.show("whole photo", alone := validation.logits(whole))
    if boxed:
        boxes = [record.box for record in photos.records]
        kinds["annotated box"] = frozen.features.extract_boxes(
            photos.records, boxes, Zoom(), content_keys=keys, description="annotated"
        )
    for kind, table in kinds.items():
        zoomed = rows_of(table, names, positions, [table.views - 2, table.views - 1])
        validation.show(f"{kind} alone", each := validation.logits(zoomed))
        validation.show(f"whole photo and {kind}, one head", validation.logits(np.concatenate([whole, zoomed], 1)))
        validation.show(f"whole photo and {kind}, mean log-probability", log_softmax(alone) + log_softmax(each))
        side_by_side = np.concatenate([whole, zoomed], 2)
        validation.show(f"whole photo and {kind}, descriptors side by side", validation.logits(side_by_side))


if __name__ == "__main__":
    main()
