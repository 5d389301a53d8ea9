"""FGVC-Aircraft 2013b: 10,000 photos of 100 aircraft variants in 70 families of 30 manufacturers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._boxes import from_inclusive
from fieldmark.data.readers._official import check_official
from fieldmark.data.readers._text import four_numbers, lookup, read_text, table
from fieldmark.errors import unknown_name
from fieldmark.structures import Box, Record, RecordList, Split

__all__ = ["BANNER_HEIGHT", "Level", "read", "recognises"]

Level = Literal["manufacturer", "family", "variant"]
"""The levels that can be labels, coarsest first."""

BANNER_HEIGHT = 20
"""Pixels at the bottom of each photo that show the photographer's name and no aircraft."""

_LEVELS: tuple[Level, ...] = get_args(Level)
_LISTS = {"manufacturer": "manufacturers.txt", "family": "families.txt", "variant": "variants.txt"}
_NUM_CLASSES = {"manufacturer": 30, "family": 70, "variant": 100}


def recognises(root: Path) -> bool:
    """Whether the folder, or ``data`` in it, has the variant lists."""
    return (_data(root) / "images_variant_test.txt").is_file()


@register_reader("fgvc_aircraft", recognises=recognises)
def read(root: Path, level: Level = "variant") -> RecordList:
    """Read FGVC-Aircraft at one of its three levels.

    Args:
        root: The unpacked folder, or its ``data``.
        level: What the labels are; the coarser levels whose lists exist become the taxonomy.

    Returns:
        Records with the official train, val and test splits, boxes where ``images_box.txt`` exists, and the
        height of the copyright banner in `Record.trim_bottom`.

    Raises:
        DataError: A file is missing or damaged, or a complete set has not its published split.
        SettingError: There is no such level.
    """
    if level not in _LEVELS:
        raise unknown_name("level", level, _LEVELS)
    data = _data(root)
    names = {split: table(path) for split, path in _list_files(data, level)}
    classes = _class_order(data, level, {name for named in names.values() for name in named.values()})
    labels = {name: label for label, name in enumerate(classes)}
    ranks = [rank for rank in _LEVELS[: _LEVELS.index(level)] if any(_list_files(data, rank))]
    ancestors = [{k: v for _, path in _list_files(data, rank) for k, v in table(path).items()} for rank in ranks]
    boxes = _read_boxes(data)
    photos = [
        Record(
            path=data / "images" / f"{image}.jpg",
            label=labels[name],
            split=split,
            box=boxes.get(image),
            taxonomy=tuple(
                lookup(known, image, data / f"images_{rank}_{split}.txt")
                for rank, known in zip(ranks, ancestors, strict=True)
            ),
            trim_bottom=BANNER_HEIGHT,
        )
        for split, named in names.items()
        for image, name in named.items()
    ]
    records = RecordList(photos, classes, name="fgvc_aircraft", root=root, ranks=ranks)
    sizes: dict[Split, int] = {"train": 3334, "val": 3333, "test": 3333}
    return check_official(records, classes=_NUM_CLASSES[level], sizes=sizes)


def _data(root: Path) -> Path:
    nested = root / "data"
    return nested if (nested / "images_variant_test.txt").is_file() else root


def _list_files(data: Path, level: str) -> Iterator[tuple[Split, Path]]:
    """The lists of a level that exist, by split; trainval stands in for train where that is missing."""
    files: tuple[tuple[Split, str], ...] = (("train", "train"), ("val", "val"), ("test", "test"))
    if not (data / f"images_{level}_train.txt").is_file():
        files = (("train", "trainval"), ("test", "test"))
    for split, name in files:
        path = data / f"images_{level}_{name}.txt"
        if path.is_file():
            yield split, path


def _class_order(data: Path, level: str, used: set[str]) -> list[str]:
    """The names that have photos, in the order of the official list where it lies there, else sorted."""
    path = data / _LISTS[level]
    listed = [line.strip() for line in read_text(path).split("\n")] if path.is_file() else []
    return [name for name in listed if name in used] + sorted(used.difference(listed))


def _read_boxes(data: Path) -> dict[str, Box]:
    path = data / "images_box.txt"
    if not path.is_file():
        return {}
    return {image: from_inclusive(*numbers) for image, numbers in four_numbers(path).items()}
