"""Findings on what a reader gave: its notes, names that differ by case only, boxes, and groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from fieldmark.data.quality.findings import Example, Finding
from fieldmark.data.quality.photo_facts import PhotoFacts
from fieldmark.structures import Box, RecordList

__all__ = ["box_findings", "group_findings", "name_findings", "note_findings"]

_TOLERANCE = 1.0  # pixels: some sets count edges from 1, some from 0


def note_findings(records: RecordList) -> Iterator[Finding]:
    """What the reader left out or decided."""
    for note in records.notes:
        examples = tuple(Example((), text) for text in note.examples)
        yield Finding(note.code, note.severity, note.message, note.count, note.action, examples)


def name_findings(records: RecordList) -> Iterator[Finding]:
    """Classes whose names differ only by upper and lower case."""
    by_case: defaultdict[str, list[str]] = defaultdict(list)
    for name in records.classes:
        by_case[name.casefold()].append(name)
    twins = [names for names in by_case.values() if len(names) > 1]
    if twins:
        noun = "name of a class is" if len(twins) == 1 else "names of classes are"
        yield Finding(
            "case_twins",
            "warning",
            f"{len(twins):,} {noun} written in several ways that differ only by case",
            len(twins),
            "give photos of one class one name",
            tuple(Example((), " = ".join(names)) for names in twins),
        )


def box_findings(records: RecordList, facts: Sequence[PhotoFacts]) -> Iterator[Finding]:
    """Boxes in another unit than pixels, and boxes beyond their photo.

    Args:
        records: The usable photos.
        facts: Of each of them.
    """
    boxes = [(record.path, record.box, photo) for record, photo in zip(records, facts, strict=True) if record.box]
    if boxes and all(max(box) <= 1 for _, box, _ in boxes):
        yield Finding(
            "normalised_boxes",
            "warning",
            f"all {len(boxes):,} boxes lie between 0 and 1",
            len(boxes),
            "write boxes in pixels: multiply by the photo's width and height",
            tuple(Example((str(path),), _shown(box)) for path, box, _ in boxes),
        )
        return
    outside = [(path, box, photo) for path, box, photo in boxes if _is_outside(box, photo)]
    if outside:
        noun = "box reaches" if len(outside) == 1 else "boxes reach"
        yield Finding(
            "boxes_outside",
            "warning",
            f"{len(outside):,} {noun} beyond the photo",
            len(outside),
            "check whether the photos were scaled or turned after the boxes were drawn",
            tuple(
                Example((str(path),), f"{_shown(box)} on {photo.width} x {photo.height} pixels")
                for path, box, photo in outside
            ),
        )


def group_findings(records: RecordList) -> Iterator[Finding]:
    """Classes whose photos are all one group, so that none of them can be split off."""
    if any(record.split in ("val", "test") for record in records) or all(record.group is None for record in records):
        return
    groups: defaultdict[int, set[str]] = defaultdict(set)
    for index, record in enumerate(records):
        groups[record.label].add(f"={index}" if record.group is None else f"group {record.group}")
    single = [records.classes[label] for label in sorted(groups) if len(groups[label]) == 1]
    if not single:
        return
    if len(single) == len(groups):
        message = "each class is a single group: no photo can be split off for val or test, so nothing can be measured"
    else:
        noun = "class is a single group" if len(single) == 1 else "classes are a single group each"
        message = f"{len(single):,} {noun}: no photo of them can be split off, so their accuracy cannot be measured"
    yield Finding(
        "single_group",
        "warning",
        message,
        len(single),
        "add photos of other groups (another specimen, patient or day) to these classes",
        tuple(Example((), name) for name in single),
    )


def _is_outside(box: Box, photo: PhotoFacts) -> bool:
    x1, y1, x2, y2 = box
    return min(x1, y1) < -_TOLERANCE or x2 > photo.width + _TOLERANCE or y2 > photo.height + _TOLERANCE


def _shown(box: Box) -> str:
    return "box " + " ".join(f"{value:g}" for value in box)
