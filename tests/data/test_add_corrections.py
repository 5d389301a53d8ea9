"""Corrections join train only, and what is held out stays as it is without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.add_corrections import CorrectedPhoto
from fieldmark.data.prepare import Prepared, prepare
from fieldmark.errors import DataError
from fieldmark.structures import Record, RecordList


def _photo(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    noise.resize((96, 72), Image.Resampling.BICUBIC).save(path, quality=92)
    return path


@pytest.fixture
def records(tmp_path: Path) -> RecordList:
    names = ["crow", "raven"]
    made = [
        Record(_photo(tmp_path / "data" / name / f"{number}.jpg", 100 * label + number), label, taxonomy=("Corvus",))
        for label, name in enumerate(names)
        for number in range(20)
    ]
    return RecordList(made, names, root=tmp_path / "data", ranks=("genus",))


def _resaved(record: Record, path: Path) -> Path:
    """The same photo with other bytes, as a feedback list keeps it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(record.path).save(path, quality=70)
    return path


def _splits(prepared: Prepared) -> dict[Path, str]:
    return {record.path: str(record.split) for record in prepared.photos.records}


def _messages(prepared: Prepared, code: str) -> list[str]:
    return [finding.message for finding in prepared.findings if finding.code == code]


def test_corrections_join_train_and_held_out_photos_stay(records: RecordList, tmp_path: Path) -> None:
    plain = prepare(records)
    fresh = [CorrectedPhoto(_photo(tmp_path / f"{number}.jpg", 900 + number), "raven") for number in range(3)]
    with_them = prepare(records, corrections=fresh)
    assert with_them.corrections == 3
    splits = _splits(with_them)
    assert [splits.pop(one.path) for one in fresh] == ["train"] * 3
    assert splits == _splits(plain)
    added = with_them.photos.records[-3:]
    assert {(with_them.photos.classes[one.label], one.taxonomy) for one in added} == {("raven", ("Corvus",))}
    assert _messages(with_them, "corrections") == ["3 corrections of feedback lists added to train"]
    assert [finding for finding in with_them.findings if finding.code != "corrections"] == list(plain.findings)


def test_near_duplicates_of_held_out_photos_are_left_out(records: RecordList, tmp_path: Path) -> None:
    plain = prepare(records)
    of_split = {split: plain.photos.of_split(split).records[0] for split in ("train", "val", "test")}  # type: ignore[arg-type]
    copies = {split: _resaved(record, tmp_path / f"{split}.jpg") for split, record in of_split.items()}
    corrections = [CorrectedPhoto(path, plain.photos.classes[of_split[split].label]) for split, path in copies.items()]
    prepared = prepare(records, corrections=corrections)
    splits = _splits(prepared)
    assert prepared.corrections == 1
    assert splits.pop(copies["train"]) == "train"
    assert splits == _splits(plain)
    assert _messages(prepared, "corrections_like_held_out_photos") == [
        "2 corrections left out: near-duplicates of val or test photos"
    ]
    same = prepared.photos.records.paths.index(copies["train"])
    first = prepared.photos.records.paths.index(of_split["train"].path)
    assert prepared.photos.groups[same] == prepared.photos.groups[first]


def test_a_new_class_needs_two_photos(records: RecordList, tmp_path: Path) -> None:
    corrections = [
        CorrectedPhoto(_photo(tmp_path / "0.jpg", 900), "alone"),
        CorrectedPhoto(_photo(tmp_path / "1.jpg", 901), "magpie"),
        CorrectedPhoto(_photo(tmp_path / "2.jpg", 902), "magpie"),
    ]
    prepared = prepare(records, corrections=corrections)
    assert prepared.photos.classes == ("crow", "raven", "magpie")
    assert [prepared.photos.classes[one.label] for one in prepared.photos.records[-2:]] == ["magpie", "magpie"]
    assert _messages(prepared, "corrections") == ["2 corrections of feedback lists added to train; new: magpie"]
    assert _messages(prepared, "corrections_of_small_classes") == [
        "1 correction left out: new classes with a single photo (alone)"
    ]


def test_names_that_look_the_same_mean_the_class_and_the_last_correction_counts(
    records: RecordList, tmp_path: Path
) -> None:
    photo = _photo(tmp_path / "0.jpg", 900)
    prepared = prepare(records, corrections=[CorrectedPhoto(photo, "crow"), CorrectedPhoto(photo, " raven\u00a0")])
    assert prepared.photos.classes == ("crow", "raven")
    assert [prepared.photos.classes[record.label] for record in prepared.photos.records if record.path == photo] == [
        "raven"
    ]


def test_a_bad_correction_is_left_out_with_its_reason(records: RecordList, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    prepared = prepare(records, corrections=[CorrectedPhoto(empty, "crow")])
    assert prepared.corrections == 0
    assert [facts.path for facts in prepared.left_out] == [empty]


def test_corrections_may_fill_a_class_that_has_too_few_photos(records: RecordList, tmp_path: Path) -> None:
    few = records.like([*records[:20], records[20]])
    with pytest.raises(DataError, match="found 1 of 'raven'"):
        prepare(few)
    prepared = prepare(few, corrections=[CorrectedPhoto(_photo(tmp_path / "0.jpg", 900), "raven")])
    assert prepared.photos.labels.tolist().count(1) == 2
