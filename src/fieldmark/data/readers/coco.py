"""COCO detection: one JSON a split with images, boxes and categories, also as Roboflow and CVAT export it."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._boxes import from_xywh
from fieldmark.data.readers._objects import FoundObject, left_out_note, records_of
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._text import lookup, read_text
from fieldmark.errors import DataError
from fieldmark.structures import Note, RecordList, Split

__all__ = ["read", "recognises"]

_EXPORT = "_annotations.coco.json"
_PEEK = 4096
_SAMPLE = 20
_FORM = "images with id and file_name, annotations with image_id, category_id and bbox, and categories with id and name"


def recognises(root: Path) -> bool:
    """Whether the folder has COCO JSON files with boxes, in it, in ``annotations/`` or in the folders of the splits."""
    return bool(_files(root))


@register_reader("coco", recognises=recognises, before="cub200_2011")
def read(root: Path) -> RecordList:
    """Read COCO detection data: one record for each box.

    Crowds (``iscrowd``: many objects under one box) and boxes without area are left out, as are photos without boxes;
    notes count them. Categories of several files are joined by their names.

    Args:
        root: The folder with ``annotations/instances_*.json`` and the photos in folders named after the splits, in
            ``images/`` or beside; or with ``train/_annotations.coco.json`` and the photos beside it.

    Returns:
        Records with box and split; classes in the order of the category ids. ``supercategory`` is the taxonomy if it
        divides the classes.

    Raises:
        DataError: A JSON is damaged, or names an image or a category that it does not hold.
    """
    if root.is_file():
        root = root.parent
    objects: list[FoundObject] = []
    categories: list[Mapping[str, Any]] = []
    crowds: list[str] = []
    flat: list[str] = []
    empty: list[str] = []
    for path, split in _files(root).items():
        content = _load(path)
        try:
            names = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
            images = {image["id"]: str(image["file_name"]) for image in content["images"]}
            folder = _photo_folder(root, path, list(images.values())[:_SAMPLE])
            boxed = set()
            for row in content["annotations"]:
                name = lookup(images, row["image_id"], path)
                label = lookup(names, row["category_id"], path)
                if row.get("iscrowd"):
                    crowds.append(name)
                    continue
                x, y, width, height = map(float, row["bbox"] or (0, 0, 0, 0))
                if width <= 0 or height <= 0:
                    flat.append(name)
                    continue
                boxed.add(row["image_id"])
                objects.append(FoundObject(folder / name, label, from_xywh(x, y, width, height), split))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DataError(f"expected {_FORM} in {path}, found another form: export it again") from None
        categories += sorted(content["categories"], key=lambda entry: entry["id"])
        empty += [name for image, name in images.items() if image not in boxed]
    notes = _notes(crowds, flat, empty)
    used = {one.label for one in objects}
    parents = _parents([entry for entry in categories if str(entry["name"]) in used])
    order = [str(entry["name"]) for entry in categories]
    ranks = ("supercategory",) if parents else ()
    return records_of(objects, order, name="coco", root=root, notes=notes, ranks=ranks, ancestors=parents)


def _notes(crowds: list[str], flat: list[str], empty: list[str]) -> list[Note]:
    return [
        *left_out_note("crowds", "boxes around crowds (iscrowd)", crowds, "nothing: they show several objects"),
        *left_out_note("empty_boxes", "boxes without area", flat, "correct their bbox: x, y, width, height"),
        *left_out_note("photos_without_boxes", "photos without a box", empty, "annotate them, if they show a class"),
    ]


def _files(root: Path) -> dict[Path, Split | None]:
    """Each JSON and its split: by the name of the file, else by that of its folder."""
    if not root.is_dir():
        return {}
    exported = [path for path in (root / _EXPORT, *sorted(root.glob(f"*/{_EXPORT}"))) if path.is_file()]
    instances = [path for path in _jsons(root) if path.name.startswith("instances_") and _has(path, "images")]
    found = exported or instances or [path for path in _jsons(root) if _is_detection(path)]
    return {path: _split_of(path) or (split_named(path.parent.name) if path in exported else None) for path in found}


def _jsons(root: Path) -> Iterator[Path]:
    for folder in (root, root / "annotations"):
        yield from sorted(folder.glob("*.json"))


def _is_detection(path: Path) -> bool:
    """Whether a JSON begins as COCO does and has boxes; those of iNaturalist belong to its own reader."""
    other = path.name.startswith(("captions", "person_keypoints", "panoptic", "stuff", "image_info"))
    return (
        not other
        and not path.name.endswith("_bboxes.json")
        and _has(path, "images", "annotations", "info")
        and _boxes(path)
    )


def _has(path: Path, *keys: str) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(_PEEK)
    return any(f'"{key}"' in head for key in keys)


def _boxes(path: Path) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'"bbox"') >= 0


def _split_of(path: Path) -> Split | None:
    words = re.findall(r"[a-z]+", path.name.removesuffix(".json").lower())
    return next((split for word in words if (split := split_named(word)) is not None), None)


def _photo_folder(root: Path, path: Path, sample: list[str]) -> Path:
    """The folder that the file names of a JSON are relative to: the first in which one of them is there."""
    part = path.stem.removeprefix("instances_")
    places = (root / part, root / "images" / part, root / "images", path.parent, root, root / "images" / "default")
    return next((place for place in places if any((place / name).is_file() for name in sample)), root / part)


def _load(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise DataError(f"expected JSON in {path}, found {error}: export it again") from None


def _parents(categories: list[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Class -> supercategory, if every class has one and they divide the classes."""
    found = {(str(entry["name"]), str(entry.get("supercategory") or "")) for entry in categories}
    parents = dict(found)
    groups = set(parents.values())
    divides = len(parents) == len(found) and 1 < len(groups) < len(parents) and "" not in groups
    return {name: (parent,) for name, parent in parents.items()} if divides else {}
