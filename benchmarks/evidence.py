"""Whether evidence lies where it should: on the parts that truly separate look-alikes, and on what the answer rests on.

python benchmarks/evidence.py pointing [--seed 1] [--method auto] [--image-size 320] [--classes 8] [--per-class 60]
python benchmarks/evidence.py faithful CUB_200_2011_first50 [--photos 60]
python benchmarks/evidence.py parts CUB_200_2011_first50

``pointing`` draws look-alikes, fits, and asks of each test photo that is answered rightly whether the peak of the map
of its class against its look-alike lies in the box of a part that separates both. ``faithful`` takes places away (and
puts them back) in the order of the map, at random, and from the centre outwards, and compares the area under the
winner's probability. ``parts`` counts which annotated part lies nearest to the peak.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fieldmark.api import Recognizer, fit, load
from fieldmark.data.read import read
from fieldmark.explain import PhotoEvidence
from fieldmark.explain.geometry import smooth, strongest
from fieldmark.recognizer.inputs import to_image
from fieldmark.structures import Box, Record, RecordList
from fieldmark_synth import FieldMarks, read_field_marks, synthesize

Floats = NDArray[np.float64]
BLOCKS = 14
"""Along each side, what is taken away at once."""
STEPS = 12


@dataclass(frozen=True)
class Pointing:
    """Of one photo: whether the peak hits, that of the last map too, and how often a random place would."""

    part: str
    hit: bool
    last_hit: bool
    in_photo: float
    in_bird: float


def widened(box: Box, by: float) -> Box:
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)


def share(boxes: Sequence[Box], of: Box) -> float:
    """The share of a region that lies in one of the boxes, on a lattice."""
    x, y = np.meshgrid(np.linspace(of[0], of[2], 101), np.linspace(of[1], of[3], 101))
    inside = [(x >= b[0]) & (x <= b[2]) & (y >= b[1]) & (y <= b[3]) for b in boxes]
    return float(np.any(inside, axis=0).mean())


def look_alike(truth: FieldMarks, name: str) -> str:
    """The class that differs from this one in the fewest parts."""
    return min((len(truth.separating_parts(name, other)), other) for other in truth.classes if other != name)[1]


def bird_boxes(root: Path) -> dict[str, Box]:
    """The box of the whole bird, for each photo's path relative to the set."""
    images = json.loads((root / "field_marks.json").read_text(encoding="utf-8"))["images"]
    return {image["path"]: tuple(image["box"]) for image in images}


def evenly(records: RecordList, count: int) -> RecordList:
    return records.like(records[index] for index in np.unique(np.linspace(0, len(records) - 1, count).astype(int)))


def point(found: PhotoEvidence, record: Record, truth: FieldMarks, root: Path, bird: Box) -> Pointing | None:
    """None where the separating part is hidden. The tolerance is half a place of the map that the peak is read from."""
    parts = truth.separating_parts(found.label, found.against)
    known = truth.part_boxes[record.path.relative_to(root).as_posix()]
    half = (found.frame[2] - found.frame[0]) / found.fine.shape[1] / 2
    boxes = [widened(known[part], half) for part in parts if part in known]
    if not boxes:
        return None
    hit, last_hit = (
        any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for box in boxes)
        for x, y in (found.peak, strongest(found.contrast, found.frame, found.size)[1])
    )
    whole = (0.0, 0.0, float(found.size[0]), float(found.size[1]))
    return Pointing("+".join(parts), hit, last_hit, share(boxes, whole), share(boxes, bird))


def pointing(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.data or Path(folder) / "birds"
        if arguments.data is None:
            synthesize(root, arguments.classes, arguments.per_class, "folder", arguments.seed, arguments.size)
        records = read(root)
        options = {"seed": arguments.seed}
        options |= {
            name: value
            for name in ("image_size", "backbone", "epochs")
            if (value := getattr(arguments, name)) is not None
        }
        options |= {"poolings": tuple(arguments.poolings.split(","))} if arguments.poolings else {}
        model = fitted(records, arguments, Path(folder), **options)
        report_pointing(model, evenly(records.of_split("test"), arguments.photos), root)


def fitted(records: RecordList, arguments: argparse.Namespace, folder: Path, **options: Any) -> Recognizer:
    """The model that was named, or a new one."""
    return (
        load(arguments.model) if arguments.model else fit(records, folder / "model", method=arguments.method, **options)
    )


def report_pointing(model: Recognizer, test: RecordList, root: Path) -> None:
    truth, birds = read_field_marks(root), bird_boxes(root)
    games, right = [], 0
    for record in test:
        name = test.classes[record.label]
        if model.predict(record).label != name:
            continue
        right += 1
        bird = birds[record.path.relative_to(root).as_posix()]
        games.append(point(model.explain(record, look_alike(truth, name)), record, truth, root, bird))
    played = [game for game in games if game]
    print(f"{right} of {len(test)} test photos answered rightly, the separating part visible on {len(played)}")
    for part in sorted({game.part for game in played}):
        own = [game.hit for game in played if game.part == part]
        print(f"  {part}: {sum(own)} of {len(own)}")
    hits = float(np.mean([game.hit for game in played]))
    photo, bird = (float(np.mean([getattr(game, name) for game in played])) for name in ("in_photo", "in_bird"))
    last = float(np.mean([game.last_hit for game in played]))
    print(f"peak on the separating part: {hits:.3f}, by the last map alone {last:.3f}")
    print(f"a random place of the photo {photo:.3f} ({hits / photo:.1f} x), "
          f"of the bird {bird:.3f} ({hits / bird:.1f} x)", flush=True)  # fmt: skip


def orders(found: PhotoEvidence, rng: np.random.Generator) -> dict[str, Floats]:
    """What is taken away first, (BLOCKS, BLOCKS), the highest first."""
    row, column = np.mgrid[:BLOCKS, :BLOCKS] - (BLOCKS - 1) / 2
    return {
        "evidence": smooth(found.map, (BLOCKS, BLOCKS)),
        "evidence against the runner-up": smooth(found.fine, (BLOCKS, BLOCKS)),
        "random": rng.random((BLOCKS, BLOCKS)),
        "centre": -np.hypot(row, column),
    }


def curve(photo: Image.Image, frame: Box, order: Floats, insert: bool) -> list[Image.Image]:
    """The photo with ever more of its blocks blurred away, or blurred with ever more of them put back."""
    blurred = photo.filter(ImageFilter.GaussianBlur(max(photo.size) / 20))
    ground, other = (blurred, photo) if insert else (photo, blurred)
    ranks = np.argsort(np.argsort(-order.ravel())).reshape(order.shape)
    pictures = []
    for step in range(STEPS + 1):
        chosen = (ranks < round(step / STEPS * ranks.size)).astype(np.uint8) * 255
        x1, y1, x2, y2 = (round(edge) for edge in frame)
        mask = Image.new("L", photo.size, 0)
        mask.paste(Image.fromarray(chosen).resize((x2 - x1, y2 - y1), Image.Resampling.NEAREST), (x1, y1))
        pictures.append(Image.composite(other, ground, mask))
    return pictures


def faithful(arguments: argparse.Namespace) -> None:
    data = read(arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        model, photos = fitted(data, arguments, Path(folder)), evenly(data.of_split("test"), arguments.photos)
        rng = np.random.default_rng(0)
        areas: dict[tuple[str, str], list[float]] = {}
        for record in photos:
            photo, found = to_image(record), model.explain(record)
            index = model.class_to_idx[found.label]
            for name, order in orders(found, rng).items():
                for kind in ("deletion", "insertion"):
                    pictures = curve(photo, found.frame, order, kind == "insertion")
                    values = model.scores(pictures).probabilities[:, index]
                    areas.setdefault((kind, name), []).append(float(np.trapezoid(values, dx=1 / STEPS)))
        print(f"{len(photos)} photos, mean area under the winner's probability")
        for (kind, name), values in sorted(areas.items()):
            own = np.array(areas[kind, "evidence"])
            better = (own < values) if kind == "deletion" else (own > values)
            is_own = name.startswith("evidence")
            versus = "" if is_own else f"; evidence is better on {better.mean():.2f} of the photos"
            print(f"  {kind}, {name}: {np.mean(values):.3f}{versus}", flush=True)


def parts(arguments: argparse.Namespace) -> None:
    data = read(arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        model, chosen = fitted(data, arguments, Path(folder)), evenly(data.of_split("test"), arguments.photos)
        nearest: Counter[str] = Counter()
        shown: Counter[str] = Counter()
        on_bird, right, area = 0, 0, []
        for record in chosen:
            found = model.explain(record)
            if found.label != chosen.classes[record.label] or record.box is None:
                continue
            right += 1
            x, y = found.peak
            visible = [part for part in record.parts if part.visible]
            shown.update(part.name for part in visible)
            nearest[min(visible, key=lambda part: np.hypot(part.x - x, part.y - y)).name] += 1
            x1, y1, x2, y2 = record.box
            on_bird += x1 <= x <= x2 and y1 <= y <= y2
            area.append((x2 - x1) * (y2 - y1) / (found.size[0] * found.size[1]))
        print(f"{right} of {len(chosen)} answered rightly; peak on the bird: {on_bird / right:.3f}, "
              f"a random place: {np.mean(area):.3f}")  # fmt: skip
        for name, count in nearest.most_common():
            print(f"  {name}: {count / right:.3f} (visible on {shown[name] / right:.2f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    questions = parser.add_subparsers(required=True)
    for run in (pointing, faithful, parts):
        one = questions.add_parser(run.__name__)
        one.set_defaults(run=run)
        one.add_argument("data", type=Path, nargs="?" if run is pointing else None, help="drawn if left out")
        one.add_argument("--model", type=Path, help="a model folder; one is fitted if left out")
        one.add_argument("--method", default="auto")
        one.add_argument("--photos", type=int, default=60, help="test photos that are looked at")
        if run is pointing:
            for name, value in (("classes", 8), ("per-class", 60), ("seed", 0), ("size", 256), ("image-size", None)):
                one.add_argument(f"--{name}", type=int, default=value)
            one.add_argument("--epochs", type=int)
            one.add_argument("--poolings")
            one.add_argument("--backbone")
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
