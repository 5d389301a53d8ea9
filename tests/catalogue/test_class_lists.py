"""Lists of classes that a user knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.catalogue.class_lists import read_class_list
from fieldmark.errors import DataError

CLASSES = ("Café rose", "Daisy", "Tulip")


def test_a_table_has_a_weight_for_each_class(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("Species;Count\nTulip;30\nCafe\u0301 rose ;10\nOrchid;7\n", encoding="utf-8")
    found = read_class_list(table, CLASSES, weighted=True)
    assert (found.weights.tolist(), found.missing, found.foreign) == ([10.0, 0.0, 30.0], ("Daisy",), ("Orchid",))


def test_a_list_has_a_name_on_each_line(tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text("Daisy\n\nTulip\r\n", encoding="utf-8-sig")
    assert read_class_list(names, CLASSES, weighted=False).weights.tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "content", "weighted", "text"),
    [
        ("a.csv", "class,weight\nTulip,many\n", True, "expected a weight from 0 up in line 2 of {}, found 'many'"),
        ("a.csv", "class,weight\nTulip,-1\n", True, "expected a weight from 0 up in line 2 of {}, found '-1'"),
        ("a.csv", "class,weight\nTulip,nan\n", True, "expected a weight from 0 up in line 2 of {}, found 'nan'"),
        (
            "a.csv",
            "class,weight\nTulip,0\n",
            True,
            "expected classes of the model in {}, found none with a weight above 0: "
            "the model knows Café rose, Daisy and Tulip",
        ),
        (
            "a.txt",
            "Orchid\n",
            False,
            "expected classes of the model in {}, found none: the model knows Café rose, Daisy and Tulip",
        ),
        ("a.csv", "class\nTulip\n", True, "expected the columns class and weight in {}, found class"),
        ("a.csv", "stock\nTulip\n", False, "expected the column class in {}, found stock"),
        ("a.txt", "Tulip\n", True, "expected a table with columns class and weight, found {}: give a CSV"),
        ("a.txt", "Tulip\nTulip \n", False, "expected every class once in {}, found 'Tulip' twice: remove line 2"),
        ("a.txt", b"Caf\xe9\n", False, "expected UTF-8 text in {}: save the list as UTF-8"),
        ("a.txt", None, False, "expected a list of classes, but {} cannot be read: No such file or directory"),
        ("a.csv", None, False, "expected a list of classes, but {} cannot be read: No such file or directory"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, content: str | bytes | None, weighted: bool, text: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as raised:
        read_class_list(path, CLASSES, weighted=weighted)
    assert str(raised.value) == text.format(path)
