"""Make a data set: plan the pictures, draw them on all cores, write them in a layout."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from fieldmark.atomic import atomic_folder, require_empty
from fieldmark.errors import SettingError, unknown_name
from fieldmark.progress import track
from fieldmark.structures import RecordList, Split
from fieldmark_synth.distinct import redraw_duplicates
from fieldmark_synth.drawing import draw_bird
from fieldmark_synth.field_marks import write_field_marks
from fieldmark_synth.layouts.base import Layout
from fieldmark_synth.layouts.table import LAYOUTS
from fieldmark_synth.records import Photo, Shot, Truth, records_of
from fieldmark_synth.species import Species, species_list

__all__ = ["synthesize"]

_SERIAL: Final = 200
"""Up to this number, pictures are drawn in this process: starting others takes longer."""

_SIZES: Final = range(64, 1025)


class _Order(NamedTuple):
    """One picture that a worker draws and saves."""

    species: Species
    shot: Shot
    file: Path
    seed: int
    size: int
    banner: int
    attempt: int = 0


def synthesize(
    out: str | Path,
    num_classes: int = 8,
    per_class: int = 60,
    layout: str = "folder",
    seed: int = 0,
    size: int = 256,
    *,
    val_fraction: float | None = None,
    test_fraction: float = 0.3,
    workers: int | None = None,
) -> RecordList:
    """Draw a data set of look-alike birds with boxes, parts, taxonomy and the field marks that separate them.

    The same settings give the same bytes with any number of workers. No two pictures are near-duplicates. The folder
    is written atomically.

    Args:
        out: A new or empty folder.
        num_classes: Number of species, 2 to 400.
        per_class: Pictures of each species.
        layout: One of ``folder``, ``nested`` (family and genus as folders), ``cub``, ``cars``, ``aircraft``,
            ``flowers``, ``csv``.
        seed: Seed of species and pictures.
        size: Width and height in pixels, 64 to 1024.
        val_fraction: Share of each species' pictures in the val split; by default 0.2 for layouts whose originals have
            one (aircraft, flowers), otherwise 0.
        test_fraction: Share in the test split.
        workers: Number of processes; by default one for each available core if there are more than 200 pictures.

        Returns:
            The records, in the order of the species. `field_marks.json` in the folder lists what separates the species.

        Raises:
            SettingError: A setting is not valid, or `out` is not empty.
    """
    root = Path(out)
    chosen = _layout(layout, num_classes, val_fraction)
    if size not in _SIZES:
        raise SettingError(f"expected a size of 64 to 1024 pixels, got {size}: choose a size in that range")
    if workers is not None and workers < 1:
        raise SettingError(f"expected at least one worker, got {workers}: leave it out for one on each core")
    species = species_list(num_classes, seed)
    val = chosen.val_fraction if val_fraction is None else val_fraction
    shots = [Shot(i, n, s) for i in range(num_classes) for n, s in enumerate(_splits(per_class, val, test_fraction))]
    paths = chosen.paths(shots, species)
    settings = {
        "num_classes": num_classes,
        "per_class": per_class,
        "layout": layout,
        "seed": seed,
        "size": size,
        "val_fraction": val,
        "test_fraction": test_fraction,
    }
    require_empty(root)
    with atomic_folder(root) as draft:
        orders = [
            _Order(species[shot.label], shot, draft / path, seed, size, chosen.banner)
            for shot, path in zip(shots, paths, strict=True)
        ]
        truths = list(track(_take_all(orders, workers), "drawing birds", total=len(orders)))

        def redraw(chosen: Sequence[int], attempt: int) -> None:
            again = [orders[index]._replace(attempt=attempt) for index in chosen]
            for index, truth in zip(chosen, _take_all(again, workers), strict=True):
                truths[index] = truth

        redraw_duplicates([order.file for order in orders], chosen.banner, redraw)
        photos = [Photo(*known) for known in zip(paths, shots, truths, strict=True)]
        chosen.describe(draft, species, photos)
        write_field_marks(draft, species, photos, settings)
    return records_of(photos, species, root, chosen.banner)


def _layout(name: str, num_classes: int, val_fraction: float | None) -> Layout:
    if name not in LAYOUTS:
        raise unknown_name("layout", name, LAYOUTS)
    layout = LAYOUTS[name]
    if layout.max_classes is not None and num_classes > layout.max_classes:
        raise SettingError(
            f"expected at most {layout.max_classes} species in the layout '{name}', got {num_classes}: "
            "choose fewer, or another layout"
        )
    if val_fraction and not layout.has_val:
        raise SettingError(
            f"expected no validation split in the layout '{name}', got a val_fraction of {val_fraction}: "
            "leave it out, or choose another layout"
        )
    return layout


def _splits(per_class: int, val_fraction: float, test_fraction: float) -> list[Split]:
    """Return the split of each picture of a species: train first, and at least one picture in every wanted split."""
    if min(val_fraction, test_fraction) < 0 or val_fraction + test_fraction >= 1:
        raise SettingError(
            "expected fractions of at least 0 that leave something to train on, got "
            f"val_fraction {val_fraction} and test_fraction {test_fraction}: choose smaller ones"
        )
    val, test = (math.ceil(round(per_class * share, 6)) for share in (val_fraction, test_fraction))
    train = per_class - val - test
    if train < 1:
        raise SettingError(
            f"expected at least one picture of a species in every split, got {per_class} pictures: choose more"
        )
    counts: tuple[tuple[Split, int], ...] = (("train", train), ("val", val), ("test", test))
    return [split for split, count in counts for _ in range(count)]


def _take_all(orders: list[_Order], workers: int | None) -> Iterator[Truth]:
    """Draw and save all pictures, and yield their ground truth in order."""
    from joblib import Parallel, cpu_count, delayed  # type: ignore[import-untyped]

    for folder in {order.file.parent for order in orders}:
        folder.mkdir(parents=True, exist_ok=True)
    if workers is None:
        workers = cpu_count() if len(orders) > _SERIAL else 1
    if workers == 1:
        yield from map(_take, orders)
        return
    yield from Parallel(n_jobs=workers, return_as="generator")(delayed(_take)(order) for order in orders)


def _take(order: _Order) -> Truth:
    """Draw one picture and save it. Its random numbers depend only on seed, species, number and attempt."""
    attempt = [order.attempt] if order.attempt else []
    rng = np.random.default_rng([order.seed, order.shot.label, order.shot.number, *attempt])
    drawing = draw_bird(order.species, rng, order.size)
    image = _with_banner(drawing.image, order.banner) if order.banner else drawing.image
    image.save(order.file, quality=int(rng.integers(72, 97)))
    return Truth(drawing.box, drawing.parts, drawing.part_boxes)


def _with_banner(image: Image.Image, height: int) -> Image.Image:
    """Return the picture with a copyright strip below it."""
    taller = Image.new("RGB", (image.width, image.height + height), (24, 24, 24))
    taller.paste(image)
    draw = ImageDraw.Draw(taller)
    draw.text((6, image.height + 4), "drawn by fieldmark synth", fill=(220, 220, 220))
    return taller
