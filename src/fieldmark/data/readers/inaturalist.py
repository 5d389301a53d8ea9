"""iNaturalist competitions (2017 to 2021) and other sets in their form: one COCO JSON a split."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._boxes import from_xywh, largest
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._text import lookup, read_text
from fieldmark.data.readers._tree import qualify
from fieldmark.errors import DataError
from fieldmark.structures import Box, Note, Record, RecordList, Split

__all__ = ["RANKS", "read", "recognises"]

logger = logging.getLogger(__name__)

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus")
"""Fields of a category that name its ancestors, coarsest first."""

_SPLIT_FILE = re.compile(r"(train|val)(_mini)?_?(20\d\d)?\.json")
_BOX_FILE = re.compile(r"(train|val)_?(20\d\d)?_bboxes\.json")
_PEEK = 4096


class _Photo(NamedTuple):
    name: str
    split: Split
    category: int
    box: Box | None


def recognises(root: Path) -> bool:
    """Whether the folder has a train or val JSON that begins as COCO does."""
    return any(_begins_as_coco(path) for path in _split_files(root).values())


@register_reader("inaturalist", recognises=recognises)
def read(root: Path) -> RecordList:
    """Read an iNaturalist set.

    Annotations are joined to photos by image id: their order is not that of the photos. ``train_mini.json``
    is read only where there is no ``train.json``.

    Args:
        root: The folder with ``train*.json``, ``val*.json`` and the photos where their ``file_name`` says;
            ``categories.json`` replaces the categories (2018 hid their names), ``*_bboxes.json`` (2017) adds
            boxes.

    Returns:
        Records with split and taxonomy (the ranks that all categories name, else their supercategory);
        classes in the order of the category ids. Photos without annotation are left out, which a line on
        stderr tells.

    Raises:
        DataError: A JSON is damaged, or names a category or a photo that it does not hold.
    """
    categories: dict[int, dict[str, Any]] = {}
    photos: list[_Photo] = []
    boxes = _read_boxes(root)
    files = _split_files(root)
    for split, path in files.items():
        content = _load(path)
        photos += _read_photos(content, split, path, boxes)
        categories |= _by_id(content.get("categories", ()), path)
    named = root / "categories.json"
    if named.is_file():
        categories |= _by_id(_load(named), named)
    labels = contiguous(photo.category for photo in photos)
    used = {number: lookup(categories, number, root) for number in labels}
    if not all("name" in entry for entry in used.values()):
        raise _form_error("categories with an id and a name", named if named.is_file() else next(iter(files.values())))
    ranks = _ranks(used.values())
    chains = {number: (*(str(entry[rank]) for rank in ranks), str(entry["name"])) for number, entry in used.items()}
    names = qualify(list(chains.values()))
    records = [
        Record(
            root / photo.name,
            labels[photo.category],
            photo.split if "train" in files else None,
            photo.box,
            (),
            names[chains[photo.category]][:-1],
        )
        for photo in photos
    ]
    classes = [names[chains[number]][-1] for number in labels]
    notes = [] if "train" in files else [_train_missing(root, files["val"])]
    return RecordList(records, classes, name="inaturalist", root=root, ranks=ranks, notes=notes)


def _train_missing(root: Path, val: Path) -> Note:
    message = f"there is no train*.json in {root}: the photos of {val.name} are split anew"
    action = "put train*.json and its photos there to keep val for choosing settings"
    return Note("train_missing", "warning", message, 1, action)


def _split_files(root: Path) -> dict[Split, Path]:
    """The JSON of each split: the full one before the mini one."""
    files: dict[Split, Path] = {}
    for split in ("train", "val"):
        matches = [(match, path) for path in root.glob(f"{split}*.json") if (match := _SPLIT_FILE.fullmatch(path.name))]
        if matches:
            files[split] = min(matches, key=lambda found: (found[0][2] is not None, found[1].name))[1]
    return files


def _begins_as_coco(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(_PEEK)
    return any(f'"{key}"' in head for key in ("info", "images", "annotations", "categories"))


def _load(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"expected JSON in {path}, found {error}: download it again") from None


def _by_id(entries: Iterable[dict[str, Any]], path: Path) -> dict[int, dict[str, Any]]:
    try:
        return {entry["id"]: entry for entry in entries}
    except (KeyError, TypeError):
        raise _form_error("categories with an id", path) from None


def _read_photos(content: Any, split: Split, path: Path, boxes: Mapping[tuple[Split, int], Box]) -> list[_Photo]:
    try:
        images = {image["id"]: image["file_name"] for image in content["images"]}
        found = {row["image_id"]: row["category_id"] for row in content.get("annotations", ())}
    except (AttributeError, KeyError, TypeError):
        raise _form_error("images with id and file_name and annotations with image_id and category_id", path) from None
    if len(found) < len(images):
        logger.warning(f"left out {len(images) - len(found):,} photos of {path}: they have no annotation")
    return [
        _Photo(lookup(images, image, path), split, category, boxes.get((split, image)))
        for image, category in found.items()
    ]


def _read_boxes(root: Path) -> dict[tuple[Split, int], Box]:
    """The largest box of each photo."""
    boxes: dict[tuple[Split, int], list[Box]] = {}
    for path in sorted(root.glob("*_bboxes.json")):
        match = _BOX_FILE.fullmatch(path.name)
        split = split_named(match[1]) if match else None
        if split is None:
            continue
        try:
            for row in _load(path)["annotations"]:
                boxes.setdefault((split, row["image_id"]), []).append(from_xywh(*map(float, row["bbox"])))
        except (KeyError, TypeError, ValueError):
            raise _form_error("annotations with image_id and bbox", path) from None
    return {key: box for key, found in boxes.items() if (box := largest(found))}


def _form_error(expected: str, path: Path) -> DataError:
    return DataError(f"expected {expected} in {path}, found another form: download it again")


def _ranks(categories: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The ranks that every category names."""
    entries = list(categories)
    ranks = tuple(rank for rank in RANKS if all(entry.get(rank) for entry in entries))
    if not ranks and all(entry.get("supercategory") for entry in entries):
        return ("supercategory",)
    return ranks
