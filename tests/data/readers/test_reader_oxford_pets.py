"""Oxford-IIIT Pets: tiny files in the true format (list lines as in the published annotations)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark.data.read import read
from fieldmark.errors import DataError

FILES = {
    "annotations/list.txt": "#Image CLASS-ID SPECIES BREED ID\n",
    "annotations/trainval.txt": "Abyssinian_100 1 1 1\namerican_bulldog_100 2 2 1\n",
    "annotations/test.txt": "#note\nAbyssinian_201 1 1 1\nyorkshire_terrier_18 37 2 25\n",
    "annotations/xmls/Abyssinian_100.xml": "<annotation/>",
}


def test_pets(write: Callable[..., Path]) -> None:
    records = read(write(FILES, ["images/Abyssinian_100.jpg"]))
    assert records.name == "oxford_pets"
    assert records.classes == ("Abyssinian", "american bulldog", "yorkshire terrier")
    assert records.ranks == ("species",)
    assert [(r.path.name, r.label, r.split, r.taxonomy, r.box) for r in records] == [
        ("Abyssinian_100.jpg", 0, "train", ("cat",), None),
        ("american_bulldog_100.jpg", 1, "train", ("dog",), None),
        ("Abyssinian_201.jpg", 0, "test", ("cat",), None),
        ("yorkshire_terrier_18.jpg", 2, "test", ("dog",), None),
    ]


def test_word_for_a_number_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write(FILES | {"annotations/test.txt": "Abyssinian_201 one 1 1\n"})
    with pytest.raises(DataError, match=r"expected a name and three numbers a line in .*test\.txt, found .*'one'"):
        read(root)


def test_third_species_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write(FILES | {"annotations/test.txt": "Abyssinian_201 1 3 1\n"})
    with pytest.raises(DataError, match=r"expected an entry for id 3 in .*test\.txt"):
        read(root)
