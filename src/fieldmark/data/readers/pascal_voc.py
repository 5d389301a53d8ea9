"""Pascal VOC: one XML for each photo with the names and boxes of its objects, also as labelImg writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._boxes import from_inclusive
from fieldmark.data.readers._objects import FoundObject, left_out_note, photos_by_stem, records_of
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._text import read_text
from fieldmark.errors import DataError
from fieldmark.structures import RecordList, Split

__all__ = ["read", "recognises"]

_SETS: dict[str, Split] = {"train": "train", "val": "val", "trainval": "train", "test": "test"}
"""Lists of ``ImageSets/Main``; the first that names a photo counts."""

_PEEK = 512


def recognises(root: Path) -> bool:
    """Whether ``Annotations``, the folder itself, or folders named after splits hold VOC XML files."""
    return any(_is_voc(folder) for folder, _ in _xml_folders(root))


@register_reader("pascal_voc", recognises=recognises, before="stanford_cars")
def read(root: Path) -> RecordList:
    """Read Pascal VOC data: one record for each box.

    Corners count pixels from 1 and belong to the box, as the VOC development kit defines them. Objects marked as
    ``difficult`` are left out, as in the official evaluation; so are boxes without area. Notes count them.

    Args:
        root: The folder with ``Annotations/``, ``JPEGImages/`` and, where there are splits, ``ImageSets/Main/``; or
            with XML files beside the photos, also in ``train``, ``valid`` and ``test``.

    Returns:
        Records with box and split; classes sorted by name. If there are lists of splits, only their photos are read.

    Raises:
        DataError: An XML is damaged or lacks a name or a corner.
    """
    sets = _read_sets(root / "ImageSets" / "Main")
    objects: list[FoundObject] = []
    difficult: list[str] = []
    flat: list[str] = []
    empty: list[str] = []
    unlisted: list[str] = []
    for folder, split in _xml_folders(root):
        if not _is_voc(folder):
            continue
        photos = photos_by_stem(root / "JPEGImages") or photos_by_stem(root / "images") or photos_by_stem(folder)
        for path in sorted(folder.glob("*.xml")):
            if sets and path.stem not in sets:
                unlisted.append(path.stem)
                continue
            tree = _parse(path)
            named = tree.findtext("filename") or f"{path.stem}.jpg"
            place = root / "JPEGImages" if (root / "JPEGImages").is_dir() else folder
            photo = photos.get(path.stem) or photos.get(Path(named).stem) or place / Path(named).name
            seen = 0
            for label, box, is_difficult in _objects(tree, path):
                if is_difficult:
                    difficult.append(path.stem)
                elif box[2] <= box[0] or box[3] <= box[1]:
                    flat.append(path.stem)
                else:
                    seen += 1
                    objects.append(FoundObject(photo, label, box, sets.get(path.stem, split)))
            if not seen:
                empty.append(path.stem)
    notes = [
        *left_out_note("difficult", "objects marked as difficult", difficult, "set difficult to 0 to use them"),
        *left_out_note("empty_boxes", "boxes without area", flat, "correct their corners"),
        *left_out_note(
            "photos_without_boxes", "photos without a usable box", empty, "annotate them, if they show a class"
        ),
        *left_out_note("unlisted", "photos that no list of ImageSets/Main names", unlisted, "add them to a list"),
    ]
    return records_of(objects, sorted({one.label for one in objects}), name="pascal_voc", root=root, notes=notes)


def _xml_folders(root: Path) -> list[tuple[Path, Split | None]]:
    if not root.is_dir():
        return []
    if (root / "Annotations").is_dir():
        return [(root / "Annotations", None)]
    splits = [(path, split_named(path.name)) for path in sorted(root.iterdir()) if path.is_dir()]
    return [(root, None), *((path, split) for path, split in splits if split is not None)]


def _is_voc(folder: Path) -> bool:
    path = next(folder.glob("*.xml"), None)
    if path is None:
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return "<annotation" in file.read(_PEEK)


def _read_sets(folder: Path) -> dict[str, Split]:
    found: dict[str, Split] = {}
    for name, split in _SETS.items():
        path = folder / f"{name}.txt"
        for line in read_text(path).split("\n") if path.is_file() else ():
            if line.strip():
                found.setdefault(line.split()[0], split)
    return found


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"expected VOC XML in {path}, found {error}: export it again") from None


def _objects(tree: ElementTree.Element, path: Path) -> Iterator[tuple[str, tuple[float, float, float, float], bool]]:
    for entry in tree.iterfind("object"):
        name = (entry.findtext("name") or "").strip()
        corners = [entry.findtext(f"bndbox/{corner}") for corner in ("xmin", "ymin", "xmax", "ymax")]
        try:
            x1, y1, x2, y2 = (float(corner or "") for corner in corners)
        except ValueError:
            name = ""
            x1 = y1 = x2 = y2 = 0.0
        if not name:
            raise DataError(
                f"expected a name and four corners for each object in {path}, found one without: correct it"
            )
        yield name, from_inclusive(x1, y1, x2, y2), (entry.findtext("difficult") or "0").strip() not in ("0", "")
