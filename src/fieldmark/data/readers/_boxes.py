"""The forms in which data sets write a box, each turned into `Box`: xyxy, 0-based, x2 and y2 outside."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from fieldmark.errors import DataError
from fieldmark.structures import Box

__all__ = ["from_inclusive", "from_xywh", "largest", "objects_of_xml"]


def from_xywh(x: float, y: float, width: float, height: float) -> Box:
    """A box given by its upper left corner (0-based) and its size."""
    return (x, y, x + width, y + height)


def from_inclusive(x1: float, y1: float, x2: float, y2: float) -> Box:
    """A box of MATLAB habit: the first pixel is 1, and the last pixel still belongs to the box.

    >>> from_inclusive(1, 1, 10, 20)
    (0.0, 0.0, 10.0, 20.0)
    """
    return (float(x1) - 1.0, float(y1) - 1.0, float(x2), float(y2))


def largest(boxes: Iterable[Box]) -> Box | None:
    """The box with the greatest area, the first of equals; None where there is none."""
    return max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]), default=None)


def objects_of_xml(path: Path) -> list[Box]:
    """The four numbers of each object in a VOC XML file, as they are written.

    Raises:
        DataError: The file is no such XML.
    """
    try:
        found = ElementTree.parse(path).iterfind("object/bndbox")
        return [_corners(box) for box in found]
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise DataError(f"expected VOC XML with boxes in {path}, found {error}: unpack the file again") from None


def _corners(box: ElementTree.Element) -> Box:
    # findtext gives None for a missing corner; float(None) raises TypeError.
    x1, y1, x2, y2 = (float(box.findtext(name)) for name in ("xmin", "ymin", "xmax", "ymax"))  # type: ignore[arg-type]
    return (x1, y1, x2, y2)
