"""Select some classes of a data set, or drop those that are not classes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from fieldmark.data.label_names import fold_name
from fieldmark.errors import DataError, unknown_name
from fieldmark.structures import RecordList

__all__ = ["choose_classes", "drop_classes", "keep_used_classes"]

_RANGE = re.compile(r"(\d*):(\d*)")


def choose_classes(records: RecordList, selection: str) -> RecordList:
    """Return the photos of some classes, with new labels from 0; the classes keep their order.

    Args:
        records: Records of a reader.
        selection: A half-open range of class indices such as ``0:20`` or ``:20``, or names separated by commas.

    Raises:
        DataError: The selection has fewer than two classes.
        SettingError: No class has that name.
    """
    span = _RANGE.fullmatch(selection.strip())
    wanted = _in_range(records, span) if span and selection not in records.classes else _by_name(records, selection)
    if len(wanted) < 2:
        raise DataError(
            f"'{selection}' selects {len(wanted)} of the {len(records.classes)} classes, but at least two are needed: "
            "give a wider range such as 0:20, or more names"
        )
    return _with_labels(records, wanted)


def drop_classes(records: RecordList, names: Sequence[str]) -> RecordList:
    """Return the photos without those of some classes, such as "Not sure".

    Raises:
        SettingError: No class has that name.
    """
    dropped = {fold_name(name) for name in names}
    for name in sorted(dropped - set(records.classes)):
        raise unknown_name("class", name, records.classes)
    return _with_labels(records, [label for label, name in enumerate(records.classes) if name not in dropped])


def keep_used_classes(records: RecordList, also: Collection[int] = ()) -> RecordList:
    """Return the same photos without the classes that have none.

    Args:
        records: The photos.
        also: Labels of classes to keep in any case.
    """
    return _with_labels(records, sorted({*records.labels, *also}))


def _with_labels(records: RecordList, wanted: Sequence[int]) -> RecordList:
    new_label = {old: new for new, old in enumerate(wanted)}
    chosen = (replace(record, label=new_label[record.label]) for record in records if record.label in new_label)
    return records.with_classes(chosen, [records.classes[label] for label in wanted])


def _in_range(records: RecordList, span: re.Match[str]) -> list[int]:
    start, stop = span.groups()
    return list(range(len(records.classes)))[int(start or 0) : int(stop) if stop else None]


def _by_name(records: RecordList, selection: str) -> list[int]:
    """Return labels of the named classes, in the data set's order. A single name may itself contain commas."""
    if selection in records.class_to_idx:
        return [records.class_to_idx[selection]]
    names = [fold_name(name) for name in selection.split(",") if name.strip()]
    for name in names:
        if name not in records.class_to_idx:
            raise unknown_name("class", name, records.classes)
    return sorted({records.class_to_idx[name] for name in names})
