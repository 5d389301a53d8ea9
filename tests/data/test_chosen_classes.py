"""Selected classes of a data set, with new labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.data.class_subset import choose_classes
from fieldmark.errors import DataError, SettingError
from fieldmark.structures import Record, RecordList

NAMES = ("robin", "wren", "tit, blue", "owl")


def _records() -> RecordList:
    photos = [Record(Path(f"{name}{k}.jpg"), label) for label, name in enumerate(NAMES) for k in range(label + 1)]
    return RecordList(photos, NAMES, name="csv", root=Path("somewhere"), ranks=("order",))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [("1:3", NAMES[1:3]), (":2", NAMES[:2]), ("2:", NAMES[2:]), ("0:99", NAMES), ("owl,robin", ("robin", "owl"))],
)
def test_the_photos_of_the_chosen_classes_keep_their_names(selection: str, expected: tuple[str, ...]) -> None:
    chosen = choose_classes(_records(), selection)
    assert chosen.classes == expected
    assert (chosen.name, chosen.root, chosen.ranks) == ("csv", Path("somewhere"), ("order",))
    for record in chosen:
        assert record.path.name.startswith(chosen.classes[record.label])
    assert len(chosen) == sum(NAMES.index(name) + 1 for name in expected)


@pytest.mark.parametrize("selection", ["3:3", "0:1", "tit, blue"])
def test_fewer_than_two_classes_are_refused(selection: str) -> None:
    with pytest.raises(DataError, match=" of the 4 classes, but at least two are needed: "):
        choose_classes(_records(), selection)


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(SettingError, match="unknown class 'wrem': did you mean 'wren'"):
        choose_classes(_records(), "robin,wrem")
