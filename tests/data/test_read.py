"""`read`: the choice of a reader, and errors if there is nothing to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.data.read import FALLBACK, read
from fieldmark.data.readers import READERS, register_reader
from fieldmark.errors import DataError, SettingError
from fieldmark.structures import RecordList


def _photos(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_every_file_registers_a_reader() -> None:
    folder = Path(__file__).parents[2] / "src/fieldmark/data/readers"
    modules = {path.stem for path in folder.glob("[!_]*.py")}
    homes = {reader.read.__module__.rsplit(".")[-1] for reader in READERS.load_all().values()}
    assert homes == modules


def test_the_order_of_recognition() -> None:
    names = list(READERS)
    assert names.index("nabirds") < names.index("cub200_2011")
    assert names[-2:] == ["csv", FALLBACK]


def test_an_added_reader_that_recognises_nothing_is_not_the_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    READERS.load_all()
    for part in ("_objects", "_before"):
        monkeypatch.setattr(READERS, part, dict(getattr(READERS, part)))

    @register_reader("zoo", recognises=lambda root: False)
    def read_zoo(root: Path) -> RecordList:
        raise AssertionError(root)

    assert "zoo" in READERS
    assert read(_photos(tmp_path, "gull/1.jpg", "tern/2.jpg")).name == "image_folder"
    with pytest.raises(AssertionError, match="tern"):
        read(tmp_path / "tern", "zoo")


@pytest.mark.parametrize(
    ("folder", "layout"),
    {
        "cub_200_2011": "cub200_2011",
        "nabirds": "nabirds",
        "stanford_cars_devkit": "stanford_cars",
        "fgvc_aircraft_reconstructed": "fgvc_aircraft",
        "oxford_flowers102": "oxford_flowers102",
        "stanford_dogs_lists": "stanford_dogs",
    }.items(),
)
def test_true_annotations_are_recognised_by_one_reader(annotations: Path, folder: str, layout: str) -> None:
    found = [name for name, reader in READERS.load_all().items() if reader.recognises(annotations / folder)]
    assert found == [layout, "image_folder"]


def test_every_record_is_valid(annotations: Path) -> None:
    """Every record of each real data set meets the invariants of `Record`."""
    for folder in annotations.iterdir():
        records = read(folder, require_files=False)
        assert len(set(records.classes)) == len(records.classes)
        assert set(records.labels) == set(range(len(records.classes)))
        assert len(set(records.paths)) == len(records)
        for record in records:
            assert len(record.taxonomy) == len(records.ranks)
            assert record.box is None or (0 <= record.box[0] < record.box[2] and 0 <= record.box[1] < record.box[3])


def test_layout_overrides_recognition(cub50: Path) -> None:
    records = read(cub50, "image_folder")
    assert (records.name, len(records)) == ("image_folder", 2889)
    assert records.classes[0] == "001.Black_footed_Albatross"
    assert {record.split for record in records} == {None}


def test_wrapped_data_sets_are_found(tmp_path: Path, cub50: Path) -> None:
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer" / "CUB_200_2011").symlink_to(cub50)
    (tmp_path / "attributes.txt").touch()
    for records in (read(tmp_path), read(tmp_path, "cub200_2011"), read(str(tmp_path / "outer"))):
        assert (records.name, len(records)) == ("cub200_2011", 2889)
    assert records.root == tmp_path / "outer" / "CUB_200_2011"


def test_unknown_layout_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        read(tmp_path, "cub_200_2011")
    assert str(caught.value).startswith(
        "unknown layout 'cub_200_2011': did you mean 'cub200_2011'? (known: coco, csv, "
    )


def test_nothing_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "flowers17").mkdir()
    with pytest.raises(DataError) as caught:
        read(tmp_path / "flower17")
    assert str(caught.value) == (
        f"expected a folder or a CSV at {tmp_path / 'flower17'}, found nothing: "
        f"did you mean '{tmp_path / 'flowers17'}'?"
    )
    with pytest.raises(DataError, match="found nothing: check the path"):
        read(tmp_path / "no" / "where")


@pytest.mark.parametrize("layout", [None, "image_folder", "cub200_2011"])
def test_a_file_that_is_no_csv_is_one_sentence(tmp_path: Path, layout: str | None) -> None:
    path = _photos(tmp_path, "gull.jpg") / "gull.jpg"
    with pytest.raises(DataError) as caught:
        read(path, layout)
    assert str(caught.value) == (f"expected a folder or a .csv file, found the file {path}: give the folder it lies in")


def test_csv_with_another_ending_is_read_on_request(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("path,label\n1.jpg,a\n2.jpg,b\n")
    assert read(path, "csv", require_files=False).classes == ("a", "b")


def test_one_class_is_one_sentence(tmp_path: Path) -> None:
    root = _photos(tmp_path / "set", "gull/1.jpg", "gull/2.jpg")
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"expected photos of at least two classes in {root}, found only 'gull': add a folder or CSV rows for each class"
    )


def test_a_class_with_one_photo_is_read(tmp_path: Path) -> None:
    assert len(read(_photos(tmp_path / "set", "gull/1.jpg", "tern/2.jpg"))) == 2


def test_missing_photos(tmp_path: Path) -> None:
    """Some photos may be missing, which the check reports; if all are missing, that is an error."""
    (tmp_path / "labels.csv").write_text("path,label\na/1.jpg,gull\na/2.jpg,tern\nb/3.jpg,tern\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"expected the 3 photos that csv lists for {tmp_path}, found none on disk (the first would be "
        f"{tmp_path / 'a/1.jpg'}): put the photos there"
    )
    assert len(read(tmp_path, require_files=False)) == 3
    _photos(tmp_path, "a/2.jpg")
    assert len(read(tmp_path)) == 3


def test_true_annotations_without_photos_are_one_sentence(annotations: Path) -> None:
    with pytest.raises(
        DataError, match=r"expected the 11,788 photos that cub200_2011 lists for .*, found none on disk"
    ):
        read(annotations / "cub_200_2011")
