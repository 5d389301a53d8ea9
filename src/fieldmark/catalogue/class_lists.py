"""Lists of classes that a user knows: the species of a place, the stock of a shop, each perhaps with a weight."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float64s
from fieldmark.data.label_names import find_label, fold_name
from fieldmark.data.readers._columns import label_columns
from fieldmark.data.readers._tables import is_table, read_table
from fieldmark.errors import DataError, listed

__all__ = ["ClassList", "read_class_list"]

_WEIGHTS = ("weight", "share", "frequency", "probability", "count", "prior")


@dataclass(frozen=True, slots=True)
class ClassList:
    """Weights of a model's classes, from a list.

    Attributes:
        weights: (K,), in the order of the classes; 0 for those that the list leaves out.
        missing: Classes of the model that the list leaves out.
        foreign: Names in the list that the model does not know: it can never answer with them.
    """

    weights: Float64s
    missing: tuple[str, ...]
    foreign: tuple[str, ...]


def read_class_list(path: Path, classes: Sequence[str], *, weighted: bool) -> ClassList:
    """Read a list of classes.

    Args:
        path: A table (CSV or TSV) with a column that names the class (such as ``class``, ``label`` or ``species``) and,
            if `weighted`, a column ``weight`` (or ``share``, ``frequency``, ``count``). Any other file has one name on
            each line.
        classes: Those of the model.
        weighted: Whether each class has a weight.

    Raises:
        DataError: The file cannot be read, lacks a column, has a weight that is no number from 0 up, names a class
            twice, or names none of the model's classes with a weight above 0.
    """
    given: dict[str, float] = {}
    for line, name, weight in _entries(path, weighted):
        if (folded := fold_name(name)) in given:
            raise DataError(f"expected every class once in {path}, found '{name}' twice: remove line {line}")
        given[folded] = weight
    weights, known = np.zeros(len(classes)), set()
    for name, weight in given.items():
        label = find_label(name, classes)
        if label is not None:
            known.add(name)
            weights[classes.index(label)] = weight
    if not weights.any():
        raise DataError(
            f"expected classes of the model in {path}, found none{' with a weight above 0' if weighted else ''}: "
            f"the model knows {listed(classes)}"
        )
    missing = tuple(label for label, weight in zip(classes, weights, strict=True) if not weight)
    return ClassList(weights, missing, tuple(name for name in given if name not in known))


def _entries(path: Path, weighted: bool) -> Iterable[tuple[int, str, float]]:
    """Yield line, name and weight of each entry."""
    try:
        if is_table(path):
            yield from _rows(path, weighted)
        elif weighted:
            raise DataError(f"expected a table with columns class and weight, found {path}: give a CSV")
        else:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            yield from ((line, name.strip(), 1.0) for line, name in enumerate(lines, 1) if name.strip())
    except OSError as error:
        raise DataError(f"expected a list of classes, but {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"expected UTF-8 text in {path}: save the list as UTF-8") from None


def _rows(path: Path, weighted: bool) -> Iterable[tuple[int, str, float]]:
    table = read_table(path)
    column = label_columns(table.titles)
    weight = next((name for name in _WEIGHTS if name in table.titles), None)
    if column is None or (weighted and weight is None):
        wanted = "class and weight" if weighted else "class"
        raise DataError(
            f"expected the column{'s' * weighted} {wanted} in {path}, found {listed(table.titles.values())}"
        )
    for row in table.rows:
        if name := row.cells.get(column, "").strip():
            yield row.line, name, _number(row.cells.get(weight or "", ""), path, row.line) if weighted else 1.0


def _number(cell: str, path: Path, line: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = -1.0
    if not math.isfinite(value) or value < 0:
        raise DataError(f"expected a weight from 0 up in line {line} of {path}, found '{cell}'")
    return value
