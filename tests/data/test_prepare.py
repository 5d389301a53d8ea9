"""Preparation of data with broken, duplicate and leaking photos."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import content_key
from fieldmark.data.prepare import Prepared, prepare, survey
from fieldmark.data.quality.findings import Finding, class_findings
from fieldmark.data.read import read
from fieldmark.errors import DataError
from fieldmark.structures import Record, RecordList


def photo(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    noise.resize((96, 72), Image.Resampling.BICUBIC).save(path, quality=92)
    return path


def photos(folder: Path, sizes: dict[str, int]) -> RecordList:
    """Make `sizes[name]` different photos of each class."""
    records, seed = [], 0
    for label, (name, size) in enumerate(sizes.items()):
        for number in range(size):
            records.append(Record(photo(folder / name / f"{number}.jpg", seed), label))
            seed += 1
    return RecordList(records, list(sizes), root=folder)


def by_code(findings: tuple[Finding, ...] | list[Finding]) -> dict[str, Finding]:
    return {finding.code: finding for finding in findings}


def test_bad_photos_are_left_out_with_their_reason(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 8, "raven": 8})
    records[0].path.write_bytes(b"")
    records[9].path.unlink()
    prepared = prepare(records)
    assert len(prepared.photos.records) == len(prepared.photos.groups) == 14
    assert [facts.path for facts in prepared.left_out] == [records[0].path, records[9].path]
    assert [finding.code for finding in prepared.findings] == ["missing", "empty"]
    empty = by_code(prepared.findings)["empty"]
    assert empty.message == "1 photo with 0 bytes"
    assert empty.examples[0].paths == (str(records[0].path),)
    assert list(prepared.photos.content_keys) == [content_key(record.path) for record in prepared.photos.records]


def test_copies_stay_in_one_split_and_are_reported(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 12, "raven": 12})
    for number in range(6):
        copy = tmp_path / "crow" / f"copy{number}.jpg"
        copy.write_bytes(records[number].path.read_bytes())
        resaved = tmp_path / "crow" / f"resaved{number}.jpg"
        Image.open(records[number].path).save(resaved, quality=50)
        records += [Record(copy, 0), Record(resaved, 0)]
    for seed in range(5):
        prepared = prepare(records, seed)
        splits = defaultdict(set)
        for record, group in zip(prepared.photos.records, prepared.photos.groups, strict=True):
            splits[group].add(record.split)
        assert all(len(names) == 1 for names in splits.values())
        assert Counter(prepared.photos.groups).most_common(6)[-1][1] == 3
    findings = by_code(prepared.findings)
    assert findings["exact_duplicates"].message == "6 pairs of exact copies"
    assert findings["near_duplicates"].count == 12
    assert {finding.severity for finding in prepared.findings} == {"note"}


def test_leaks_of_official_splits_are_reported_not_repaired(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 6, "raven": 6})
    twin = tmp_path / "crow" / "twin.jpg"
    twin.write_bytes(records[0].path.read_bytes())
    like = tmp_path / "raven" / "like.jpg"
    Image.open(records[6].path).save(like, quality=60)
    official = records.like(
        [
            *(record.with_split("train") for record in records),
            Record(twin, 0, split="test"),
            Record(like, 1, split="test"),
        ]
    )
    prepared = prepare(official)
    assert [record.split for record in prepared.photos.records if record.path in (twin, like)] == ["test", "test"]
    findings = by_code(prepared.findings)
    assert findings["exact_duplicates_across_splits"].severity == "warning"
    assert findings["exact_duplicates_across_splits"].examples[0].detail == "the same bytes; train / test"
    assert findings["near_duplicates_across_splits"].count == 1


def test_one_photo_under_two_labels(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 5, "raven": 5})
    wrong = tmp_path / "raven" / "wrong.jpg"
    wrong.write_bytes(records[0].path.read_bytes())
    doubtful = tmp_path / "raven" / "doubtful.jpg"
    Image.open(records[1].path).save(doubtful, quality=60)
    findings = by_code(prepare(records.like([*records, Record(wrong, 1), Record(doubtful, 1)])).findings)
    assert findings["two_labels"].severity == "error"
    assert findings["two_labels"].examples[0].paths == (str(records[0].path), str(wrong))
    assert findings["two_labels"].examples[0].detail == "the same bytes; crow / raven"
    assert findings["alike_under_two_labels"].severity == "warning"


def test_the_same_file_listed_under_two_labels(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 5, "raven": 5})
    findings = by_code(prepare(records.like([*records, Record(records[0].path, 1)])).findings)
    assert findings["two_labels"].count == 1


def test_a_csv_group_that_a_split_cuts_through(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 5, "raven": 5})
    grouped = records.like(
        Record(record.path, record.label, split="test" if number % 5 == 4 else "train", group=f"bird {number // 5}")
        for number, record in enumerate(records)
    )
    finding = by_code(prepare(grouped).findings)["group_across_splits"]
    assert finding.message == "2 groups lie in several splits: the test is easier than real use"
    assert [example.detail for example in finding.examples] == ["bird 0: test, train", "bird 1: test, train"]


def test_splits_that_miss_classes(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 5, "raven": 5, "rook": 5})
    official = records.like(
        record.with_split("val" if number == 0 else "test" if number in (1, 6) else "train")
        for number, record in enumerate(records)
    )
    findings = by_code(prepare(official).findings)
    assert findings["val_misses_classes"].message == "2 classes have no photo in val"
    assert findings["test_misses_classes"].message == "1 class has no photo in test"
    assert findings["test_misses_classes"].examples[0].detail == "rook"


def refused(records: RecordList) -> str:
    with pytest.raises(DataError) as caught:
        prepare(records)
    return str(caught.value)


def test_no_usable_photo(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 2, "raven": 2})
    for record in records:
        record.path.write_bytes(b"")
    assert refused(records) == (
        f"none of the 4 photos is usable: add photos to train on. The first: {records[0].path} is empty (0 bytes): "
        "copy it again from its source or remove it"
    )


def test_one_class_left(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 3, "raven": 1})
    records[3].path.write_bytes(b"")
    assert refused(records) == (
        "only the class 'crow' has usable photos, but at least two classes are needed: add a class"
    )


def test_classes_with_fewer_than_two_photos(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 3, "raven": 1, "rook": 3})
    assert refused(records) == (
        "every class needs at least two usable photos, but found 1 of 'raven': add photos, or remove these classes"
    )
    records[4].path.write_bytes(b"")
    records[5].path.write_bytes(b"")
    assert "found 1 of 'raven', 1 of 'rook' (2 left out): add photos" in refused(records)


def test_a_class_with_only_test_photos(tmp_path: Path) -> None:
    records = photos(tmp_path, {"crow": 3, "raven": 3})
    official = records.like(record.with_split("test" if record.label else "train") for record in records)
    assert refused(official) == (
        "the class 'raven' has no photos in train, only in other splits:"
        " move some of them into train, or remove the class"
    )


def test_class_findings_by_size() -> None:
    names = ["one", "three", "forty", "Unknown", "none at all"]
    sizes = [1, 3, 40, 6, 0]
    records = RecordList(
        [Record(Path(f"{label}/{number}"), label) for label, size in enumerate(sizes) for number in range(size)], names
    )
    found = by_code(list(class_findings(records)))
    assert {code: finding.severity for code, finding in found.items()} == {
        "empty_class": "error",
        "too_few_photos": "error",
        "few_photos": "warning",
        "imbalance": "warning",
        "catch_all_class": "warning",
    }
    assert found["imbalance"].message == "the largest class has 40 times the photos of the smallest"
    assert [example.detail for example in found["imbalance"].examples] == ["forty: 40 photos", "one: 1 photo"]
    assert found["too_few_photos"].message == "1 class with a single photo"


def carved(folder: Path) -> Prepared:
    return prepare(read(folder))


def test_flowers17_keeps_its_bursts_together(flowers17: Path) -> None:
    prepared = carved(flowers17)
    number = Counter((record.label, record.split) for record in prepared.photos.records)
    assert {count for (_, split), count in number.items() if split == "test"} == {16}
    assert {count for (_, split), count in number.items() if split == "val"} == {6}
    assert [(finding.code, finding.count) for finding in prepared.findings] == [("near_duplicates", 72)]
    photos = prepared.photos
    split_of_group = {(group, record.split) for group, record in zip(photos.groups, photos.records, strict=True)}
    assert len(split_of_group) == len(set(photos.groups)) == 1288


def test_cub_keeps_its_official_test_split_and_its_leaks_are_reported(cub50: Path) -> None:
    everything = read(cub50)
    cuckoos = [record for record in everything if 20 <= record.label < 35]
    records = RecordList(
        (Record(record.path, record.label - 20, record.split) for record in cuckoos), everything.classes[20:35]
    )
    prepared = prepare(records)
    official = {record.path for record in records if record.split == "test"}
    assert {record.path for record in prepared.photos.records if record.split == "test"} == official
    assert by_code(prepared.findings)["near_duplicates_across_splits"].count == 2


def test_grocery_val_is_used_although_it_lacks_classes(grocery81: Path) -> None:
    records = read(grocery81)
    seen = survey(records.like(record for record in records if record.split == "val" or record.label % 9 == 0))
    assert by_code(seen.findings())["val_misses_classes"].severity == "note"
