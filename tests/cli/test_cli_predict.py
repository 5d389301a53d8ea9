"""``fieldmark predict``: what scripts may rely on."""

from __future__ import annotations

import csv
import functools
import http.server
import io
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark import load

Command = Callable[..., Any]


@pytest.fixture
def photos(birds: Path, tmp_path: Path) -> Path:
    """A folder with two photos, one of them in a folder of its own, and a text."""
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    first, second = sorted(birds.rglob("*.jpg"))[:2]
    shutil.copy(first, tmp_path / "photos" / "a.jpg")
    shutil.copy(second, tmp_path / "photos" / "deep" / "b.jpg")
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    return tmp_path / "photos"


def test_one_json_object_a_line(command: Command, fitted: Path, photos: Path) -> None:
    done = command("predict", fitted, photos, "--json")
    assert done.code == 0
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [answer["path"] for answer in answers] == [str(photos / "a.jpg"), str(photos / "deep" / "b.jpg")]
    for answer in answers:
        assert list(answer) == ["path", "candidates", "set", "rank", "ancestor", "unknown", "coverage"]
        assert [set(one) for one in answer["candidates"]] == [{"label", "probability"}] * 4
        assert sum(one["probability"] for one in answer["candidates"]) == pytest.approx(1.0)
        assert set(answer["set"]) <= {one["label"] for one in answer["candidates"]}
        assert (answer["coverage"], answer["rank"], answer["ancestor"]) == (0.9, "class", None)
        assert answer["unknown"] in (True, False)


def test_the_answers_are_those_of_the_library(command: Command, fitted: Path, photos: Path) -> None:
    done = command("predict", fitted, photos / "a.jpg", "--json", "--top", 2)
    expected = load(fitted).predict(photos / "a.jpg", top_k=2)
    assert json.loads(done.out) == json.loads(json.dumps(expected.to_dict()))


def test_unreadable_photos_are_errors_beside_the_answers(command: Command, fitted: Path, photos: Path) -> None:
    done = command("predict", fitted, photos / "notes.txt", photos / "a.jpg", photos / "none.jpg", "--json")
    assert done.code == 1
    text, good, missing = (json.loads(line) for line in done.out.splitlines())
    assert list(text) == ["path", "candidates", "set", "rank", "ancestor", "unknown", "error"]
    assert (text["candidates"], text["rank"]) == ([], None)
    assert "is not an image" in text["error"]
    assert "does not exist" in missing["error"]
    assert "error" not in good


def test_the_table_as_csv(command: Command, fitted: Path, photos: Path) -> None:
    done = command("predict", fitted, photos / "a.jpg", photos / "none.jpg", "--csv", "--top", 2)
    assert done.code == 1
    good, bad = csv.DictReader(io.StringIO(done.out))
    fields = [
        "path",
        "label",
        "probability",
        "unknown",
        "set",
        "rank",
        "ancestor",
        "error",
        "coverage",
        "group",
        "photos",
        "box",
    ]
    assert list(good) == [*fields, "candidate_1", "probability_1", "candidate_2", "probability_2"]
    expected = load(fitted).predict(photos / "a.jpg")
    assert (good["label"], good["probability"]) == (expected.label, f"{expected.confidence:.6f}")
    assert (good["candidate_1"], good["probability_1"]) == (good["label"], good["probability"])
    assert good["candidate_2"] == expected.candidates[1].label
    assert (good["unknown"], good["rank"], good["error"]) == (str(expected.unknown).lower(), "class", "")
    assert (bad["label"], bad["error"]) == ("", f"{photos / 'none.jpg'} does not exist: correct its path or take "
        "it off the list")  # fmt: skip


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_columns_of_the_input_are_carried_through(command: Command, fitted: Path, photos: Path, form: str) -> None:
    table = photos / "items.csv"
    table.write_text("SKU,path,price,label\n7,a.jpg,3.50,old name\n8,,4,\n9,deep/b.jpg,5,x\n")
    done = command("predict", fitted, table, form)
    assert done.code == 1
    if form == "--csv":
        rows = list(csv.DictReader(io.StringIO(done.out)))
        own = [{name: row[name] for name in ("SKU", "input_path", "price", "input_label")} for row in rows]
        carried = [dict(zip(("SKU", "path", "price", "label"), one.values(), strict=True)) for one in own]
    else:
        rows = [json.loads(line) for line in done.out.splitlines()]
        carried = [row["columns"] for row in rows]
    assert carried[0] == {"SKU": "7", "path": "a.jpg", "price": "3.50", "label": "old name"}
    assert [one["SKU"] for one in carried] == ["7", "8", "9"]
    assert [row["path"] or "" for row in rows] == [str(photos / "a.jpg"), "", str(photos / "deep/b.jpg")]
    assert rows[1]["error"] == f"line 3 of {table} names no photo: fill in the column 'path'"


def test_a_list_of_photos_from_a_file(command: Command, fitted: Path, photos: Path) -> None:
    (photos / "list.txt").write_text("deep/b.jpg\na.jpg\n")
    done = command("predict", fitted, "--files-from", photos / "list.txt", "--json")
    paths = [json.loads(line)["path"] for line in done.out.splitlines()]
    assert paths == [str(photos / "deep/b.jpg"), str(photos / "a.jpg")]


def test_a_new_file_takes_the_answers(command: Command, fitted: Path, photos: Path, tmp_path: Path) -> None:
    printed = command("predict", fitted, photos, "--json").out
    assert command("predict", fitted, photos, "--out", tmp_path / "new.jsonl").code == 0
    assert (tmp_path / "new.jsonl").read_text() == printed
    printed = command("predict", fitted, photos, "--csv").out
    assert command("predict", fitted, photos, "--out", tmp_path / "new.csv").out == ""
    assert (tmp_path / "new.csv").read_text() == printed
    done = command("predict", fitted, photos, "--out", tmp_path / "new.csv")
    assert done.err == f"fieldmark: --out {tmp_path / 'new.csv'} exists already and is not replaced: name a new file\n"
    assert (tmp_path / "new.csv").read_text() == printed


def test_what_is_meant_for_eyes_goes_to_stderr(command: Command, fitted: Path, photos: Path) -> None:
    done = command("predict", fitted, photos / "a.jpg", photos / "none.jpg")
    assert (done.code, done.out) == (1, "")
    assert str(load(fitted).predict(photos / "a.jpg").label).split()[0] in done.err
    assert "not read: " in done.err


def test_names_with_brackets_are_printed_as_they_are(command: Command, model_copy: Path, photos: Path) -> None:
    """Rich would take ``[red]`` for a colour and swallow it."""
    text = (model_copy / "fieldmark.json").read_text()
    for name in load(model_copy).classes:
        text = text.replace(f'"{name}"', f'"{name}[red]"')
    (model_copy / "fieldmark.json").write_text(text)
    (photos / "a.jpg").rename(photos / "a[1].jpg")
    done = command("predict", model_copy, photos / "a[1].jpg")
    assert "[red]" in done.err
    assert "a[1].jpg" in done.err.replace("\n", "")


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_name_that_is_no_unicode(command: Command, fitted: Path, photos: Path, form: str) -> None:
    """File names on Linux are bytes; they may hold anything."""
    odd = photos / "caf\udce9.jpg"
    (photos / "a.jpg").rename(odd)
    done = command("predict", fitted, odd, form)
    assert done.code == 0
    assert "caf\\udce9.jpg" in done.out
    if form == "--json":
        assert json.loads(done.out)["path"] == str(odd)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--top", "0", "--csv"], "the number of candidates must be at least 1, but is 0"),
        (["--top", "0"], "the number of candidates must be at least 1, but is 0"),
        (["--json", "--csv"], "--json and --csv exclude each other; leave one out"),
        (["--move-into", "a", "--copy-into", "b"], "--move-into and --copy-into exclude each other; leave one out"),
        (["--copy-into", "a", "--unsure-below", "2"], "--unsure-below must lie between 0 and 1, but is 2"),
        (["--watch", "."], "--watch answers the photos of its folder: give no other path, or leave --watch out"),
    ],
)
def test_wrong_options(command: Command, fitted: Path, photos: Path, arguments: list[str], sentence: str) -> None:
    done = command("predict", fitted, photos, *arguments)
    assert (done.code, done.out, done.err) == (2, "", f"fieldmark: {sentence}\n")


def test_a_folder_without_photos(command: Command, fitted: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = command("predict", fitted, tmp_path / "empty", "--json")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err == f"fieldmark: the folder {tmp_path / 'empty'} holds no photos; name a folder or a file with photos\n"
    )


def test_no_photos_at_all(command: Command, fitted: Path) -> None:
    done = command("predict", fitted)
    advice = "give PATH, --files-from or --watch"
    assert (done.code, done.err) == (2, f"fieldmark: expected photos to identify, but got none: {advice}\n")


def test_a_missing_model_is_an_error(command: Command, photos: Path, tmp_path: Path) -> None:
    done = command("predict", tmp_path / "none", photos, "--json")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"fieldmark: expected a model folder made by 'fieldmark fit', but there is no folder {tmp_path / 'none'}\n"
    )


def test_photos_of_a_web_server(command: Command, fitted: Path, photos: Path) -> None:
    """A table that mixes files and URLs; one address leads nowhere."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(photos))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        (photos / "items.csv").write_text(f"image,SKU\n{base}/a.jpg,1\na.jpg,2\n{base}/none.jpg,3\n")
        refused = command("predict", fitted, photos / "items.csv", "--json")
        done = command("predict", fitted, photos / "items.csv", "--json", "--allow-urls")
        specimen = command(
            "predict", fitted, f"{base}/a.jpg", photos / "a.jpg", "--same-specimen", "--json", "--allow-urls"
        )
    finally:
        server.shutdown()
        server.server_close()
    assert refused.err == (
        f"fieldmark: {base}/a.jpg is a URL, and photos are fetched only on request: add --allow-urls\n"
    )
    web, local, missing = (json.loads(line) for line in done.out.splitlines())
    assert done.code == 1
    assert (web["path"], local["path"]) == (f"{base}/a.jpg", str(photos / "a.jpg"))
    assert web["candidates"] == local["candidates"]
    assert [one["columns"]["SKU"] for one in (web, local, missing)] == ["1", "2", "3"]
    assert missing["error"].startswith(f"{base}/none.jpg cannot be fetched (the server answered 404): ")
    assert json.loads(specimen.out)["photos"] == [f"{base}/a.jpg", str(photos / "a.jpg")]
