"""Decisions about photos: a CSV with laws, applied to records without touching a photo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fieldmark.data.apply_decisions import apply_decisions, change_of
from fieldmark.data.decisions import PROBLEMS, VERDICTS, Decision, read_decisions, write_decisions
from fieldmark.data.photos.open_photo import content_key
from fieldmark.data.read import read
from fieldmark.errors import DataError
from fieldmark.structures import RecordList

NAMES = [f"{label}/{number}.png" for label in ("crow", "raven", "rook") for number in range(3)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of three small photos."""
    root = tmp_path / "birds"
    for index, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (20 * index, 90, 200 - 20 * index)).save(root / name)
    return root


def decision(root: Path, name: str, verdict: str, label: str = "", problem: str = "label") -> Decision:
    return Decision(name, content_key(root / name), problem, verdict, label)  # type: ignore[arg-type]


def labels(records: RecordList) -> dict[str, str]:
    assert records.root is not None
    return {record.path.relative_to(records.root).as_posix(): records.classes[record.label] for record in records}


words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
rows = st.builds(
    Decision,
    path=words.map(lambda word: f"{word}/1.jpg"),
    content=st.text("0123456789abcdef", min_size=32, max_size=32),
    problem=st.sampled_from(PROBLEMS),
    verdict=st.sampled_from([one for one in VERDICTS if one != "relabel"]),
    given=words,
    reason=st.sampled_from(["", 'a "quoted", cell', "two; parts"]),
)


@settings(max_examples=40)
@given(st.lists(rows, max_size=8, unique_by=lambda row: row.key))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, written: list[Decision]) -> None:
    written = [replace(row, path=row.path.replace("\\", "/")) for row in written]
    written = list({row.key: row for row in written}.values())
    file = tmp_path_factory.getbasetemp() / "decisions.csv"
    write_decisions(file, written)
    read_back = read_decisions(file)
    assert [(row.path, row.content, row.problem, row.verdict) for row in read_back] == [
        (row.path, row.content, row.problem, row.verdict) for row in written
    ]
    assert [row.reason for row in read_back] == [row.reason for row in written]


def test_a_spreadsheet_may_save_the_file(tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    file.write_bytes(
        "path;decision;label\r\na/1.jpg;Relabel;B\r\na/2.jpg;;\r\na/3.jpg;cannot_tell;\r\n".encode("utf-16")
    )
    assert read_decisions(file) == [
        Decision("a/1.jpg", "", "label", "relabel", "B"),
        Decision("a/3.jpg", "", "label", "cannot tell"),
    ]


def test_the_last_row_of_a_photo_and_problem_counts(tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    file.write_text("path,problem,decision\na.jpg,label,drop\na.jpg,file,keep\na.jpg,label,keep\n", encoding="utf-8")
    assert {row.key: row.verdict for row in read_decisions(file)} == {
        ("a.jpg", "label"): "keep",
        ("a.jpg", "file"): "keep",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "photo,decision\na.jpg,keep\n",
            "expected the column 'path' in {file}, found photo, decision: give a file that 'fieldmark review' wrote",
        ),
        (
            "path,decision\na.jpg,maybe\n",
            "expected keep, relabel, drop or cannot tell as decision in line 2 of {file}, found 'maybe': use one of "
            "the four",
        ),
        (
            "path,decision,label\na.jpg,relabel,\n",
            "expected the new class as label in line 2 of {file}, found an empty cell: write the class, or choose "
            "another decision",
        ),
        (
            "path,decision,label\na.jpg,,Crow\n",
            "expected a label only with relabel in line 2 of {file}, found 'Crow' without a decision: write relabel, "
            "or empty the cell",
        ),
        (
            "path,decision,label\na.jpg,keep,Crow\n",
            "expected a label only with relabel in line 2 of {file}, found 'Crow' with 'keep': write relabel, or empty "
            "the cell",
        ),
        (
            "path,decision,problem\na.jpg,keep,colour\n",
            "expected label, duplicate, class or file as problem in line 2 of {file}, found 'colour': use one of "
            "the four",
        ),
        ("path,decision\n,keep\n", "expected a path in line 2 of {file}, found an empty cell: fill it in"),
    ],
)
def test_a_wrong_cell_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "decisions.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_decisions(file)
    assert str(error.value) == sentence.format(file=file)


def test_labels_change_and_photos_are_dropped(folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    file = tmp_path / "decisions.csv"
    write_decisions(
        file,
        [
            decision(folder, "crow/0.png", "relabel", "raven"),
            decision(folder, "crow/1.png", "relabel", "jackdaw"),
            decision(folder, "raven/0.png", "drop", problem="duplicate"),
            decision(folder, "rook/0.png", "keep"),
        ],
    )
    records = read(folder, decisions=file)
    expected = labels(read(folder)) | {"crow/0.png": "raven", "crow/1.png": "jackdaw"}
    del expected["raven/0.png"]
    assert labels(records) == expected
    assert records.classes == ("crow", "raven", "rook", "jackdaw")
    assert records.options == {"decisions": "decisions.csv"}
    assert [note.message for note in records.notes] == [
        "decisions of decisions.csv about 4 photos: 2 relabelled, 1 dropped, 1 kept"
    ]
    assert {path.name for path in records.judged["duplicate"]} == {"0.png"}
    assert {path: path.read_bytes() for path in folder.rglob("*.png")} == before


def test_a_class_that_loses_all_photos_is_left_out(folder: Path) -> None:
    drops = [decision(folder, f"rook/{number}.png", "drop", problem="class") for number in range(3)]
    records = apply_decisions(read(folder), drops, Path("decisions.csv"))
    assert records.classes == ("crow", "raven")
    assert set(labels(records).values()) == {"crow", "raven"}


def test_decisions_hold_after_the_folder_has_moved_and_a_photo_has_a_new_name(folder: Path) -> None:
    made = [decision(folder, "crow/0.png", "relabel", "rook"), decision(folder, "raven/0.png", "drop")]
    moved = folder.rename(folder.with_name("elsewhere"))
    (moved / "raven" / "0.png").rename(moved / "raven" / "renamed.png")
    records = apply_decisions(read(moved), made, Path("decisions.csv"))
    found = labels(records)
    assert found["crow/0.png"] == "rook"
    assert "raven/renamed.png" not in found
    assert [note.code for note in records.notes] == ["decisions"]


def test_what_cannot_be_applied_is_said_in_a_sentence_each(folder: Path) -> None:
    made = [
        decision(folder, "crow/0.png", "keep"),
        decision(folder, "crow/1.png", "relabel", "rook"),
        replace(decision(folder, "crow/2.png", "drop"), path="crow/gone.png", content="f" * 32),
    ]
    Image.new("RGB", (40, 40), "white").save(folder / "crow" / "1.png")
    records = apply_decisions(read(folder), made, Path("decisions.csv"))
    assert labels(records) == labels(read(folder))
    assert [(note.code, note.message, note.examples) for note in records.notes[1:]] == [
        ("decisions_unknown", f"1 decision of decisions.csv names no photo of {folder}", ("crow/gone.png",)),
        (
            "decisions_changed",
            "1 decision of decisions.csv is about a photo that has changed since, and not applied",
            ("crow/1.png",),
        ),
    ]


def test_decisions_about_other_data_are_refused(folder: Path) -> None:
    made = [Decision("a/1.jpg", "0" * 32, "label", "drop")]
    with pytest.raises(DataError) as error:
        apply_decisions(read(folder), made, Path("decisions.csv"))
    assert str(error.value) == (
        f"no decision of decisions.csv names a photo of {folder}: give the file that belongs to these data"
    )


def test_dropping_wins_and_the_last_new_label_counts() -> None:
    row = Decision("a.jpg", "", "label", "relabel", "A")
    later = replace(row, problem="duplicate", label="B")
    drop = replace(row, problem="class", verdict="drop", label="")
    assert change_of([row, later]) == later
    assert change_of([drop, row, later]) == drop
    assert change_of([replace(row, verdict="keep", label="")]) is None
