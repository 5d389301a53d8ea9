"""Cut the boxes of a data set out of its photos: a data set of crops, one photo for each object."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fieldmark.atomic import atomic_folder, require_empty
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.relative_path import relative_path
from fieldmark.errors import DataError, PhotoError, SettingError, without_surrogates
from fieldmark.progress import track
from fieldmark.structures import Box, Record, RecordList

__all__ = ["LABELS", "Crops", "crop_boxes", "largest_box_of_each_photo"]

LABELS = "labels.csv"
"""The table of the crops, which `fieldmark.data.read.read` reads."""

_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Crops:
    """What `crop_boxes` made.

    Attributes:
        written: Number of crops.
        too_small: Number of boxes that were left out because a side is too short.
        without_box: Number of records that have no box.
        errors: Photo -> why it cannot be read.
    """

    written: int
    too_small: int
    without_box: int
    errors: dict[Path, str]


def crop_boxes(records: RecordList, out: Path, *, margin: float = 0.1, min_side: int = 16) -> Crops:
    """Write each box as a JPEG of its own, and ``labels.csv`` with label, split, group, taxonomy and origin.

    Crops of one photo form a group, so that they are never in two splits. Boxes are clipped to the photo.

    Args:
        records: Of a data set with boxes.
        out: A new or empty folder. It appears when everything is done.
        margin: Share of the box's width and height that is added on each side.
        min_side: Boxes with a shorter side, in pixels of the photo, are left out.

    Raises:
        DataError: No record has a box, or no crop could be written.
        SettingError: A number is not possible.
    """
    if not (math.isfinite(margin) and margin >= 0) or min_side < 1:
        raise SettingError(
            f"the margin must be 0 or more and the shortest side 1 or more, but got {margin} and {min_side}"
        )
    require_empty(out)
    boxed: dict[Path, list[Record]] = {}
    for record in records:
        if record.box is not None:
            boxed.setdefault(record.path, []).append(record)
    if not boxed:
        raise DataError(f"none of the {len(records):,} records of {records.root} has a box: name data with boxes")
    rows: list[tuple[str, Record, str]] = []
    too_small, errors = 0, dict[Path, str]()
    with atomic_folder(out) as draft:
        for path, objects in track(boxed.items(), "cropping", total=len(boxed)):
            try:
                photo = open_photo(path, trim_bottom=objects[0].trim_bottom)
            except PhotoError as error:
                errors[path] = str(error)
                continue
            source = without_surrogates(relative_path(path, records.root))
            for number, record in enumerate(objects):
                assert record.box is not None
                area = _area(record.box, photo.size, margin, min_side)
                if area is None:
                    too_small += 1
                    continue
                name = f"photos/{len(rows) // 1000:04d}/{len(rows):07d}_{number}.jpg"
                _save(photo.crop(area), draft / name)
                rows.append((name, record, source))
        if not rows:
            why = next(iter(errors.values()), f"all boxes have a side below {min_side} pixels")
            raise DataError(f"no box of {records.root} could be cropped: {why}")
        _write_labels(draft / LABELS, rows, records)
    return Crops(len(rows), too_small, sum(record.box is None for record in records), errors)


def largest_box_of_each_photo(records: RecordList) -> tuple[RecordList, int]:
    """Keep one record of each photo that has several boxes: that of the largest box, the first of equals.

    Records with the very same box stay together: they are one object that was labelled twice, which `check` reports.

    Returns:
        The records, in their order, and the number of photos whose boxes belong to several classes.
    """
    largest: dict[Path, int] = {}
    labels: dict[Path, set[int]] = {}
    for index, record in enumerate(records):
        if record.box is None:
            continue
        labels.setdefault(record.path, set()).add(record.label)
        best = largest.setdefault(record.path, index)
        if _box_area(record) > _box_area(records[best]):
            largest[record.path] = index
    chosen = [record for record in records if record.box is None or record.box == records[largest[record.path]].box]
    return records.like(chosen), sum(len(found) > 1 for found in labels.values())


def _box_area(record: Record) -> float:
    x1, y1, x2, y2 = record.box or (0, 0, 0, 0)
    return (x2 - x1) * (y2 - y1)


def _area(box: Box, size: tuple[int, int], margin: float, min_side: int) -> tuple[int, int, int, int] | None:
    """The whole pixels of a box with its margin, inside the photo; None if the box itself is too small there."""
    x1, x2 = (min(max(edge, 0.0), size[0]) for edge in (box[0], box[2]))
    y1, y2 = (min(max(edge, 0.0), size[1]) for edge in (box[1], box[3]))
    if x2 - x1 < min_side or y2 - y1 < min_side:
        return None
    wide, high = margin * (x2 - x1), margin * (y2 - y1)
    return (
        max(0, math.floor(x1 - wide)),
        max(0, math.floor(y1 - high)),
        min(size[0], math.ceil(x2 + wide)),
        min(size[1], math.ceil(y2 + high)),
    )


def _save(crop: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    crop.save(path, "JPEG", quality=_QUALITY, subsampling=0)


def _write_labels(path: Path, rows: Sequence[tuple[str, Record, str]], records: RecordList) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "split", "group", *records.ranks, "source_photo", "source_box"))
        for name, record, source in rows:
            box = " ".join(f"{edge:g}" for edge in record.box or ())
            group = record.group or source
            label = records.classes[record.label]
            writer.writerow((name, label, record.split or "", group, *record.taxonomy, source, box))
