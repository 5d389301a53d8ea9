"""Layouts that people download or make: each is read correctly, or refused with what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark.data.read import read
from fieldmark.errors import DataError, SettingError
from fieldmark.structures import RecordList

Write = Callable[..., Path]


def rows(records: RecordList) -> list[tuple[str, str, str | None]]:
    root = records.root or Path()
    return [(str(r.path.relative_to(root)), records.classes[r.label], r.split) for r in records]


def notes(records: RecordList) -> list[tuple[str, str]]:
    return [(note.code, note.message) for note in records.notes]


def test_kaggle_folders_beside_an_unread_table_are_refused(write: Write) -> None:
    root = write({"train.csv": "ref,kind,age\n1,tern,3\n"}, ["train_images/1.jpg", "test_images/2.jpg"])
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"expected a folder for each class in {root}, found 'test_images', 'train_images': sort the photos into "
        "class folders, or list them in a CSV with the columns path and label; train.csv has the columns ref, kind, "
        "age: name those to read with --path-col and --label-col"
    )
    root = write({"train.csv": "ref,kind\n1,tern\n3,gull\n"}, ["train_images/1.jpg", "train_images/3.jpg"])
    assert rows(read(root, path_col="ref", label_col="kind")) == [
        ("train_images/1.jpg", "tern", None),
        ("train_images/3.jpg", "gull", None),
    ]


def test_flat_split_folders_beside_an_unread_table_are_refused(write: Write) -> None:
    root = write({"train.csv": "ref,kind\n1,tern\n"}, ["train/1.jpg", "test/2.jpg"])
    with pytest.raises(DataError, match=r"train\.csv has the columns ref, kind: name those to read with --path-col"):
        read(root)


def test_parts_that_a_table_lists_are_refused(write: Write) -> None:
    table = "ref,kind\n" + "".join(f"HAM_{i},{'tern' if i % 2 else 'gull'}\n" for i in range(8))
    photos = [f"HAM_images_part_{1 + i // 4}/HAM_{i}.jpg" for i in range(8)]
    root = write({"HAM_metadata.csv": table}, photos)
    with pytest.raises(DataError, match=r"found 'HAM_images_part_1', .*HAM_metadata\.csv has the columns ref, kind"):
        read(root)
    records = read(root, path_col="ref", label_col="kind")
    assert rows(records)[:2] == [
        ("HAM_images_part_1/HAM_0.jpg", "gull", None),
        ("HAM_images_part_1/HAM_1.jpg", "tern", None),
    ]


def test_classes_that_only_sound_like_containers_are_read(write: Write) -> None:
    root = write({"notes.csv": "when,where\n1,2\n"}, ["train set/1.jpg", "tram/2.jpg"])
    assert read(root).classes == ("train set", "tram")


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("image,species", "{}.jpg"),
        ("file,class", "{}.jpg"),
        ("filename,category", "{}.jpg"),
        ("Image Name,SKU", "{}.jpg"),
        ("image_id,breed", "{}"),
        ("id,label", "{}"),
        ("file_name,label", "train_images/{}.jpg"),
    ],
)
def test_usual_column_names_and_ids_without_ending(write: Write, header: str, cell: str) -> None:
    table = f"{header}\n{cell.format('a')},tern\n{cell.format('b')},gull\n"
    root = write({"train.csv": table}, ["train_images/a.jpg", "train_images/b.jpg", "test_images/c.jpg"])
    records = read(root)
    assert rows(records) == [("train_images/a.jpg", "tern", None), ("train_images/b.jpg", "gull", None)]
    path, label = (name.lower() for name in header.split(","))
    assert notes(records) == [("columns", f"train.csv is read with photos from '{path}' and labels from '{label}'")]


def test_equal_names_in_two_folders_follow_the_table(write: Write) -> None:
    files = {"train.csv": "id,label\n1,tern\n2,gull\n"}
    root = write(files, ["train/1.jpg", "train/2.jpg", "test/1.jpg"])
    assert [row[0] for row in rows(read(root))] == ["train/1.jpg", "train/2.jpg"]
    root = write({"list.csv": files["train.csv"]}, ["x/1.jpg", "x/2.jpg", "y/1.jpg"], "other")
    with pytest.raises(DataError) as caught:
        read(root / "list.csv")
    assert str(caught.value) == (
        f"expected one photo for '1' of {root / 'list.csv'}, found {root / 'x/1.jpg'} and {root / 'y/1.jpg'}: "
        "write its whole path"
    )


def test_one_table_for_each_split(write: Write) -> None:
    files = {"train.csv": "id,label\n1,tern\n2,gull\n", "val.csv": "id,label\n3,gull\n", "test.csv": "id\n4\n"}
    root = write(files, [f"images/{i}.jpg" for i in range(1, 5)])
    assert rows(read(root)) == [
        ("images/1.jpg", "tern", "train"),
        ("images/2.jpg", "gull", "train"),
        ("images/3.jpg", "gull", "val"),
    ]


def test_one_hot_columns_of_isic(write: Write) -> None:
    table = "image,MEL,NV,BCC\nISIC_1,1.0,0.0,0.0\nISIC_2,0.0,1.0,0.0\nISIC_3,0.0,0.0,1.0\nISIC_4,0.0,0.0,0.0\n"
    photos = [f"ISIC2018_Training_Input/ISIC_{i}.jpg" for i in range(1, 5)]
    records = read(write({"ISIC2018_Training_GroundTruth.csv": table}, photos))
    assert records.classes == ("BCC", "MEL", "NV")
    assert [records.classes[record.label] for record in records] == ["MEL", "NV", "BCC"]


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_hugging_face_image_folder(write: Write, name: str) -> None:
    table = "file_name,label\n1.jpg,tern\n2.jpg,gull\n"
    lines = '{"file_name": "1.jpg", "label": "tern"}\n{"file_name": "2.jpg", "label": "gull"}\n'
    content = lines if name.endswith("l") else table
    root = write(
        {f"train/{name}": content, f"test/{name}": content}, [f"{s}/{i}.jpg" for s in ("train", "test") for i in (1, 2)]
    )
    assert sorted(rows(read(root))) == [
        ("test/1.jpg", "tern", "test"),
        ("test/2.jpg", "gull", "test"),
        ("train/1.jpg", "tern", "train"),
        ("train/2.jpg", "gull", "train"),
    ]
    flat = write({name: content}, ["1.jpg", "2.jpg"], "flat")
    assert rows(read(flat)) == [("1.jpg", "tern", None), ("2.jpg", "gull", None)]


def test_roboflow_classes(write: Write) -> None:
    table = "filename, Daisy, Rose\n1_jpg.rf.a.jpg, 1, 0\n2_jpg.rf.b.jpg, 0, 1\n"
    files = {f"{split}/_classes.csv": table for split in ("train", "valid", "test")}
    photos = [
        f"{split}/{name}" for split in ("train", "valid", "test") for name in ("1_jpg.rf.a.jpg", "2_jpg.rf.b.jpg")
    ]
    records = read(write(files, photos))
    assert records.classes == ("Daisy", "Rose")
    assert {(label, split) for _, label, split in rows(records)} == {
        (label, split) for label in ("Daisy", "Rose") for split in ("train", "val", "test")
    }


def test_flowers_with_a_file_of_names(write: Write) -> None:
    names = '{"1": "pink primrose", "2": "hard-leaved pocket orchid", "3": "canterbury bells"}'
    root = write({"cat_to_name.json": names}, ["train/1/a.jpg", "train/2/b.jpg", "valid/1/c.jpg", "test/d.jpg"])
    records = read(root)
    assert records.classes == ("pink primrose", "hard-leaved pocket orchid")
    assert [(label, split) for _, label, split in rows(records)] == [
        ("pink primrose", "train"),
        ("hard-leaved pocket orchid", "train"),
        ("pink primrose", "val"),
    ]


def test_cars_by_class_folder_with_lists_beside(write: Write) -> None:
    files = {"anno_train.csv": "00001.jpg,39,116,569,375,14\n", "names.csv": "AM General Hummer SUV 2000\n"}
    photos = [f"car_data/car_data/{s}/{c}/1.jpg" for s in ("train", "test") for c in ("Acura RL 2012", "Audi S4 2007")]
    records = read(write(files, photos))
    assert records.classes == ("Acura RL 2012", "Audi S4 2007")
    assert sorted({split for *_, split in rows(records)}) == ["test", "train"]


def test_inaturalist_val_by_itself_is_split_anew(write: Write) -> None:
    import json

    content = {
        "images": [{"id": 1, "file_name": "val/1.jpg"}, {"id": 2, "file_name": "val/2.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 5}, {"image_id": 2, "category_id": 6}],
        "categories": [{"id": 5, "name": "tern"}, {"id": 6, "name": "gull"}],
    }
    root = write({"val.json": json.dumps(content)}, ["val/1.jpg", "val/2.jpg"])
    records = read(root)
    assert [split for *_, split in rows(records)] == [None, None]
    assert notes(records) == [
        ("train_missing", f"there is no train*.json in {root}: the photos of val.json are split anew")
    ]


def test_files_with_other_endings_are_counted(write: Write) -> None:
    others = dict.fromkeys(["gull/2.CR2", "gull/3.cr2", "tern/4.mov", "rose/5.dng", "README.md"], "")
    records = read(write(others, ["gull/1.jpg", "tern/1.jpg"]))
    assert records.classes == ("gull", "tern")
    assert notes(records) == [
        ("other_files", "4 files that are not photos were left out: 2 .cr2, 1 .mov, 1 .dng"),
        ("folders_without_photos", "1 folder holds no photo and became no class: rose"),
    ]


def test_technical_folders_are_passed_over(write: Write) -> None:
    photos = ["gull/1.jpg", "tern/1.jpg"]
    photos += [f"{name}/1.jpg" for name in ("@eaDir", "__MACOSX", ".ipynb_checkpoints", "_unlabeled", "gull/@eaDir")]
    records = read(write({"model/fieldmark.json": "{}"}, [*photos, "model/gallery/1.jpg"]))
    assert records.classes == ("gull", "tern")
    assert notes(records) == [
        (
            "passed_over",
            "6 folders were passed over: .ipynb_checkpoints, @eaDir, __MACOSX, _unlabeled, gull/@eaDir, model",
        )
    ]


def test_names_that_look_equal_are_one_class(write: Write) -> None:
    twins = ["Cafe\u0301 au lait", "Caf\u00e9 au\u00a0lait", "Caf\u00e9 au lait\u200b", "Caf\u00e9 au lait "]
    root = write(photos=[*(f"{name}/{i}.jpg" for i, name in enumerate(twins)), "tern/1.jpg"])
    assert read(root).classes == ("Caf\u00e9 au lait", "tern")
    table = "path,label\n" + "".join(f'{i}.jpg,"{name}"\n' for i, name in enumerate([*twins, "tern"]))
    assert read(write({"labels.csv": table}, folder="csv"), require_files=False).classes == (
        "Caf\u00e9 au lait",
        "tern",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("first", ["", "sep=;\r\n", '"sep=;"\r\n'])
def test_tables_of_excel(tmp_path: Path, encoding: str, first: str) -> None:
    text = f"{first}Path;Label\r\n1.jpg;Gr\u00fcnfink\r\n2.jpg;Star\r\n"
    data = text.encode(encoding) if encoding != "utf-16-le" else b"\xff\xfe" + text.encode(encoding)
    (tmp_path / "birds.csv").write_bytes(data)
    (tmp_path / "1.jpg").touch()
    assert rows(read(tmp_path)) == [("1.jpg", "Gr\u00fcnfink", None), ("2.jpg", "Star", None)]


def test_a_table_of_windows_characters_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("path,label\n1.jpg,Gr\u00fcnfink\n".encode("cp1252"))
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        f'expected UTF-8 text in {path}, found other bytes: save the file as UTF-8 (in Excel: Save As, "CSV UTF-8")'
    )


def test_columns_and_labels_are_named(write: Write) -> None:
    table = "shot,who,what\na,1,tern\nb,1,gull\nc,2,tern\nd,2,Not sure\n"
    root = write({"list.csv": table}, [f"images/{name}.jpg" for name in "abcd"])
    records = read(root, path_col="Shot", label_col="what", group_col="who", drop_labels=["Not sure"])
    assert [(records.classes[r.label], r.group) for r in records] == [("tern", "1"), ("gull", "1"), ("tern", "2")]
    assert records.options == {"path_col": "Shot", "label_col": "what", "group_col": "who", "drop_labels": ["Not sure"]}
    with pytest.raises(DataError) as caught:
        read(root / "list.csv", path_col="photo")
    assert str(caught.value) == (
        f"expected a column 'photo' in {root / 'list.csv'}, found shot, who, what: correct --path-col"
    )
    with pytest.raises(SettingError, match="unknown class 'Not Sure': did you mean 'Not sure'"):
        read(root, path_col="shot", label_col="what", drop_labels=["Not Sure"])


def test_columns_without_a_table_are_one_sentence(write: Write) -> None:
    root = write(photos=["gull/1.jpg", "tern/2.jpg"])
    with pytest.raises(SettingError) as caught:
        read(root, group_col="patient")
    assert str(caught.value) == f"expected a CSV with the column 'patient' in {root}, found none: leave the column out"


def test_a_column_that_looks_like_a_group_is_named(write: Write) -> None:
    table = "path,label,patient_id,age\n" + "".join(f"{i}.jpg,{'ab'[i % 2]},{i // 4},{i}\n" for i in range(8))
    records = read(write({"labels.csv": table}), require_files=False)
    assert notes(records) == [
        ("unused_groups", "1 column looks like a group and may part between train and test: 'patient_id'")
    ]
    assert "give --group-col patient_id" in records.notes[0].action
    assert not read(records.root, require_files=False, group_col="patient_id").notes


def test_the_clothing_data_set(clothing: Path) -> None:
    records = read(clothing, group_col="sender_id", drop_labels=["Not sure"])
    assert (len(records), len(records.classes), len({record.group for record in records})) == (192, 8, 92)
    assert all(record.path.is_file() for record in records)
    assert [note.message for note in read(clothing).notes] == [
        "images.csv is read with photos from 'image' and labels from 'label'",
        "1 column looks like a group and may part between train and test: 'sender_id'",
    ]
