"""Stanford Cars: 16,185 photos of 196 car models, with boxes; two editions with different file numbers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._boxes import from_inclusive
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._matlab import read_mat, strings, variable
from fieldmark.data.readers._official import check_official
from fieldmark.data.readers._text import lookup
from fieldmark.errors import DataError
from fieldmark.structures import Box, Record, RecordList, Split

__all__ = ["read", "recognises"]

logger = logging.getLogger(__name__)

_SIZES: dict[Split, int] = {"train": 8144, "test": 8041}
_FOLDERS = (".", "devkit", "car_devkit", "car_devkit/devkit")


class _Row(NamedTuple):
    path: Path
    split: Split
    values: np.void


def recognises(root: Path) -> bool:
    """Whether the folder, or a devkit in it, has an annotation file of either edition."""
    return any(_find(root, name) for name in ("cars_train_annos.mat", "cars_annos.mat"))


@register_reader("stanford_cars", recognises=recognises)
def read(root: Path) -> RecordList:
    """Read Stanford Cars in either edition.

    Args:
        root: A folder with ``car_ims/`` and ``cars_annos.mat``; or with ``cars_train/``, ``cars_test/``
            (nested twice or not), the devkit's ``cars_train_annos.mat`` and ``cars_meta.mat``, and for the
            test split ``cars_test_annos_withlabels.mat``.

    Returns:
        Records with split and box. The plain ``cars_test_annos.mat`` has no labels: without the other file
        there is no test split, which a line on stderr tells.

    Raises:
        DataError: A file is missing or damaged, or photos of one edition lie beside labels of the other.
    """
    old, new = _find(root, "cars_annos.mat"), _find(root, "cars_train_annos.mat")
    if old and (not new or (root / "car_ims").is_dir()):
        return _read_old(root, old)
    if new:
        return _read_new(root, new)
    raise DataError(f"expected cars_train_annos.mat or cars_annos.mat in {root}, found neither: unpack the devkit")


def _read_old(root: Path, path: Path) -> RecordList:
    """One list for both splits; photos in ``car_ims`` with six digits."""
    if (root / "cars_train").is_dir() and not (root / "car_ims").is_dir():
        raise DataError(
            f"expected devkit/cars_train_annos.mat for the photos in {root / 'cars_train'}, found "
            "cars_annos.mat, which numbers the photos of car_ims: put the devkit beside it"
        )
    content = read_mat(path)
    names = strings(content, "class_names", path)
    rows = [
        _Row(root / str(row["relative_im_path"]), "test" if row["test"] else "train", row)
        for row in variable(content, "annotations", path)
    ]
    return _records(root, rows, names, path, _SIZES)


def _read_new(root: Path, path: Path) -> RecordList:
    """One list for each split; photos in ``cars_train`` and ``cars_test`` with five digits."""
    meta = path.with_name("cars_meta.mat")
    names = strings(read_mat(meta), "class_names", meta)
    rows = _read_list(_photo_folder(root, "cars_train"), path, "train")
    labelled = _find(root, "cars_test_annos_withlabels.mat")
    if labelled:
        rows += _read_list(_photo_folder(root, "cars_test"), labelled, "test")
        return _records(root, rows, names, meta, _SIZES)
    logger.warning(
        f"left out the test photos of {root}: cars_test_annos.mat has no labels; "
        "put cars_test_annos_withlabels.mat beside it to use them"
    )
    return _records(root, rows, names, meta, {"train": _SIZES["train"]})


def _read_list(folder: Path, path: Path, split: Split) -> list[_Row]:
    rows = variable(read_mat(path), "annotations", path)
    if "class" not in (rows.dtype.names or ()):
        raise DataError(f"expected a field 'class' in {path}, found no labels: put the file with labels there")
    return [_Row(folder / str(row["fname"]), split, row) for row in rows]


def _records(root: Path, rows: list[_Row], names: list[str], names_path: Path, sizes: dict[Split, int]) -> RecordList:
    ids = [int(row.values["class"]) for row in rows]
    labels = contiguous(ids)
    by_id = dict(enumerate(names, start=1))
    classes = [lookup(by_id, class_id, names_path) for class_id in labels]
    photos = [
        Record(row.path, labels[class_id], row.split, _box(row.values)) for row, class_id in zip(rows, ids, strict=True)
    ]
    records = RecordList(photos, classes, name="stanford_cars", root=root)
    return check_official(records, classes=196, sizes=sizes)


def _box(values: np.void) -> Box:
    # By field name: the order of the columns is not the same in all copies.
    return from_inclusive(*(int(values[field]) for field in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")))


def _find(root: Path, name: str) -> Path | None:
    return next((root / folder / name for folder in _FOLDERS if (root / folder / name).is_file()), None)


def _photo_folder(root: Path, name: str) -> Path:
    """Some copies hold ``cars_train/cars_train``."""
    nested = root / name / name
    return nested if nested.is_dir() else root / name
