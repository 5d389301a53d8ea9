"""Whether methods that look at places look at the field marks, with classes for their only teacher.

python benchmarks/localisation.py [ra_cnn ma_cnn nts_net ws_dan cbam] [--epochs 6] [--pictures docs/images]

Look-alikes that differ in known parts are drawn; each method trains on them shortly. On every test photo the mark is
what separates its species from the look-alike. Attention hits where its peak lies in the mark's box, a region where it
holds the middle of the mark. Chance is a random place, or a random region of the same size, in the photo and on the
bird; the ratio is hits over chance.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from evidence import look_alike, share, widened
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fieldmark.api import Recognizer, fit
from fieldmark.artifact.load_method import load_method
from fieldmark.backbones.onnx_export import Normalize
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.explain.geometry import smooth
from fieldmark.methods.base import ModelOutput
from fieldmark.structures import Box, Record, RecordList
from fieldmark_synth import FieldMarks, read_field_marks, synthesize

Floats = NDArray[np.float64]
METHODS = ("ra_cnn", "ma_cnn", "nts_net", "ws_dan", "cbam")
SHOWN = 5


@dataclass(frozen=True)
class Look:
    """Of one photo: the share of its looks that hit, and how many would by chance."""

    hit: float
    any_hit: bool
    in_photo: float
    in_bird: float


def run_method(model: Recognizer, records: Sequence[Record]) -> tuple[ModelOutput, Preprocess]:
    facts = model.manifest.members[0]
    preprocess = facts.preprocess
    method = load_method(model.folder, model.manifest, facts)
    images = torch.from_numpy(np.stack([load_array(record, preprocess) for record in records]))
    with torch.no_grad():
        return method(Normalize(preprocess)(images)), preprocess


def marks_of(record: Record, truth: FieldMarks, classes: Sequence[str], root: Path) -> list[Box]:
    name = classes[record.label]
    known = truth.part_boxes[record.path.relative_to(root).as_posix()]
    return [known[part] for part in truth.separating_parts(name, look_alike(truth, name)) if part in known]


def attention_look(maps: Floats, marks: list[Box], bird: Box, size: int) -> Look:
    """Peaks of maps (M, h, w), with half a place of tolerance."""
    half = size / maps.shape[2] / 2
    boxes = [widened(mark, half) for mark in marks]
    hits = []
    for one in maps:
        fine = smooth(one, (size, size))
        y, x = np.unravel_index(int(fine.argmax()), fine.shape)
        hits.append(any(b[0] <= x + 0.5 <= b[2] and b[1] <= y + 0.5 <= b[3] for b in boxes))
    whole = (0.0, 0.0, float(size), float(size))
    return Look(float(np.mean(hits)), any(hits), share(boxes, whole), share(boxes, bird))


def region_look(regions: Floats, marks: list[Box], bird: Box, size: int) -> Look:
    """Regions (R, 4) in pixels of the photo, the one that counts first; and whether any of them hits."""
    centres = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in marks]
    holds = [any(r[0] <= x <= r[2] and r[1] <= y <= r[3] for x, y in centres) for r in regions]
    side_x, side_y = regions[0, 2] - regions[0, 0], regions[0, 3] - regions[0, 1]
    return Look(
        float(holds[0]),
        any(holds),
        float(np.mean([_chance((0, 0, size, size), point, (side_x, side_y)) for point in centres])),
        float(np.mean([_chance(bird, point, (side_x, side_y)) for point in centres])),
    )


def _chance(around: Box, point: tuple[float, float], sides: tuple[float, float]) -> float:
    """How likely a region holds a point, if it lies anywhere inside of a box (centred on it where it is larger)."""
    probability = 1.0
    for axis in (0, 1):
        low, high = around[axis], around[axis + 2] - sides[axis]  # of the region's first edge
        if high <= low:
            middle = (low + around[axis + 2]) / 2
            probability *= float(abs(point[axis] - middle) <= sides[axis] / 2)
        else:
            first, last = max(low, point[axis] - sides[axis]), min(high, point[axis])
            probability *= max(0.0, last - first) / (high - low)
    return probability


def looks(output: ModelOutput, records: Sequence[Record], marks: list[list[Box]], size: int) -> list[Look]:
    found = []
    for index, (record, own) in enumerate(zip(records, marks, strict=True)):
        if not own or record.box is None:
            continue
        if output.regions is not None:
            found.append(region_look(_ordered(output.regions[index].double().numpy()), own, record.box, size))
        else:
            assert output.attention_maps is not None
            maps = output.attention_maps[index].double().numpy()
            chosen = maps if len(maps) <= 8 else maps.mean(0, keepdims=True)
            found.append(attention_look(chosen, own, record.box, size))
    return found


def _ordered(regions: Floats) -> Floats:
    """The innermost of nested regions first, as it says most; others stay in the method's own order."""
    nested = all(
        np.all(outer[:2] <= inner[:2] + 1) and np.all(inner[2:] <= outer[2:] + 1)
        for outer, inner in itertools.pairwise(regions)
    )
    return regions[::-1] if nested else regions


def montage(output: ModelOutput, records: Sequence[Record], marks: list[list[Box]], size: int) -> Image.Image:
    """Some photos with what was looked at (orange) and the mark (white), side by side."""
    chosen = [index for index, own in enumerate(marks) if own]
    chosen = [chosen[place] for place in np.linspace(0, len(chosen) - 1, SHOWN).astype(int)]
    strip = Image.new("RGB", (SHOWN * size, size))
    for place, index in enumerate(chosen):
        photo = Image.open(records[index].path).convert("RGB")
        if output.regions is None:
            assert output.attention_maps is not None
            photo = _heated(photo, output.attention_maps[index].double().mean(0).numpy())
        draw = ImageDraw.Draw(photo)
        for order, box in enumerate([] if output.regions is None else output.regions[index].tolist()):
            draw.rectangle(tuple(box), outline=(230, 120, 0), width=3 if order == 0 else 1)
        for mark in marks[index]:
            draw.rectangle(mark, outline="white", width=1)
        strip.paste(photo, (place * size, 0))
    return strip.quantize(128)


def _heated(photo: Image.Image, attention: Floats) -> Image.Image:
    heat = smooth(attention - attention.min(), photo.size)
    opacity = np.clip(0.75 * heat / max(float(heat.max()), 1e-12), 0, 1)[..., None]
    mixed = np.asarray(photo, dtype=np.float64) * (1 - opacity) + np.array([213.0, 94.0, 0.0]) * opacity
    return Image.fromarray(mixed.astype(np.uint8))


def measure(name: str, records: RecordList, root: Path, arguments: argparse.Namespace, folder: Path) -> None:
    truth, test = read_field_marks(root), records.of_split("test")
    started = time.monotonic()
    options = {"image_size": arguments.size, "epochs": arguments.epochs, "batch_size": 16, "test_views": 1}
    model = fit(records, folder / name, method=name, **options)
    seconds = time.monotonic() - started
    output, _ = run_method(model, test)
    marks = [marks_of(record, truth, records.classes, root) for record in test]
    found = looks(output, test, marks, arguments.size)
    hit, any_hit, photo, bird = (
        float(np.mean([getattr(one, key) for one in found])) for key in ("hit", "any_hit", "in_photo", "in_bird")
    )
    top1 = float((output.logits.argmax(1).numpy() == np.array(test.labels)).mean())
    print(
        f"| `{name}` | {hit:.2f} | {photo:.2f} | {hit / photo:.1f} | {bird:.2f} | {hit / bird:.1f} | {any_hit:.2f} "
        f"| {top1:.2f} | {seconds:.0f} |",
        flush=True,
    )
    if arguments.pictures:
        montage(output, test, marks, arguments.size).save(
            arguments.pictures / f"localisation_{name}.png", optimize=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=METHODS)
    for name, value in (("classes", 4), ("per-class", 60), ("size", 160), ("epochs", 6), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--pictures", type=Path, help="folder for one picture of each method")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "birds"
        records = synthesize(root, arguments.classes, arguments.per_class, "folder", arguments.seed, arguments.size)
        print("| method | hits | chance in photo | ratio | chance on bird | ratio | any look hits | top-1 | seconds |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for name in arguments.methods:
            measure(name, records, root, arguments, Path(folder))


if __name__ == "__main__":
    main()
