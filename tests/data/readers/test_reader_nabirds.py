"""NABirds: against its true annotation files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark.data.read import read
from fieldmark.data.readers import nabirds
from fieldmark.data.readers._tree import first_conflict
from fieldmark.errors import DataError
from fieldmark.structures import RecordList


@pytest.fixture(scope="module")
def birds(annotations: Path) -> RecordList:
    return read(annotations / "nabirds", require_files=False)


def test_official_sizes(birds: RecordList, annotations: Path) -> None:
    assert birds.name == "nabirds"
    assert Counter(record.split for record in birds) == {"train": 23_929, "test": 24_633}
    assert len(birds.classes) == len(set(birds.classes)) == 555
    assert len((annotations / "nabirds/classes.txt").read_text().splitlines()) == 1011


def test_labels_follow_the_sorted_ids(birds: RecordList, annotations: Path) -> None:
    """Loaders that number the ids in the order of a set get other labels at each start."""
    names = dict(line.split(" ", 1) for line in (annotations / "nabirds/classes.txt").read_text().splitlines())
    rows = (annotations / "nabirds/image_class_labels.txt").read_text().splitlines()
    ids = [int(row.split()[1]) for row in rows]
    ordered = sorted(set(ids))
    assert birds.labels == [ordered.index(class_id) for class_id in ids]
    assert birds.classes == tuple(names[str(class_id)].rstrip() for class_id in ordered)


def test_taxonomy_is_a_tree_of_even_depth(birds: RecordList) -> None:
    assert birds.ranks == ("group", "family", "species")
    chains = {(*record.taxonomy, birds.classes[record.label]) for record in birds}
    assert len(chains) == 555
    assert {len(chain) for chain in chains} == {4}
    assert first_conflict(chains) is None
    assert len({chain[0] for chain in chains}) == 22
    assert "Birds" not in {chain[0] for chain in chains}


def test_shallow_groups_are_their_own_family(birds: RecordList) -> None:
    taxonomy = {birds.classes[record.label]: record.taxonomy for record in birds}
    ducks = "Ducks, Geese, and Swans"
    assert taxonomy["Common Eider (Adult male)"] == (ducks, ducks, "Common Eider")
    assert taxonomy["Oak Titmouse"] == ("Perching Birds", "Chickadees and Titmice", "Oak Titmouse")


def test_box_and_path(birds: RecordList) -> None:
    assert birds[0].box == (83.0, 59.0, 211.0, 287.0)
    assert birds[0].path.parts[-3:] == ("images", "0817", "0000139e21dc4d0cbfe14cae3c85c829.jpg")


FILES = {
    "images.txt": "u-1 0003/a.jpg\nu-2 0004/b.jpg\n",
    "classes.txt": "0 Birds\n1 Gulls\n2 Terns\n3 Herring Gull\n4 Arctic Tern\n",
    "hierarchy.txt": "1 0\n2 0\n3 1\n4 2\n",
    "image_class_labels.txt": "u-1 3\nu-2 4\n",
    "parts/parts.txt": "1 bill\n2 crown\n",
    "parts/part_locs.txt": "u-1 1 30 40 1\nu-1 2 -1 -1 0\nu-2 1 7 8 1\nu-2 2 9 10 1\n",
}


def test_parts_and_another_depth(write: Callable[..., Path]) -> None:
    records = nabirds.read(write(FILES))
    assert records.ranks == ("level_1",)
    assert [record.taxonomy for record in records] == [("Gulls",), ("Terns",)]
    bill, crown = records[0].parts
    assert (bill.name, bill.x, bill.y, bill.visible) == ("bill", 30.0, 40.0, True)
    assert (crown.x, crown.y, crown.visible) == (0.0, 0.0, False)


def test_circle_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write(FILES | {"hierarchy.txt": "1 3\n3 1\n4 2\n2 0\n"})
    with pytest.raises(DataError, match=r"expected a tree in .*hierarchy.txt, found a circle through id \d: mend it"):
        nabirds.read(root)
