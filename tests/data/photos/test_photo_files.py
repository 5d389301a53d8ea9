"""Which files are opened, and how folders are walked: every walk and every read ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import content_key, open_photo
from fieldmark.data.photos.photo_files import IMAGE_EXTENSIONS, open_file, photos_below, printable, scan
from fieldmark.data.quality.photo_facts import inspect_photos
from fieldmark.data.read import read
from fieldmark.errors import PhotoError


def photo(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), colour).save(path)
    return path


@pytest.fixture
def odd_files(tmp_path: Path) -> dict[str, Path]:
    """Paths that are not photo files, by what they are."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    return {
        "pipe": tmp_path / "pipe.jpg",
        "device": tmp_path / "zero.jpg",
        "loop": tmp_path / "loop.jpg",
        "NUL": tmp_path / "a\0b.jpg",
        "long name": tmp_path / ("n" * 300 + ".jpg"),
        "long path": tmp_path / ("d/" * 2500 + "x.jpg"),
    }


EXPECTED = {
    "pipe": "/pipe.jpg is a named pipe, not a regular file: remove it or name another file",
    "device": "/zero.jpg is a device, not a regular file: remove it or name another file",
    "loop": "/loop.jpg cannot be opened (Too many levels of symbolic links): expected an image file that may be read",
    "NUL": r"/a\x00b.jpg cannot be opened (embedded null byte): expected an image file that may be read",
    "long name": "nnn.jpg cannot be opened (File name too long): expected an image file that may be read",
    "long path": "d/x.jpg cannot be opened (File name too long): expected an image file that may be read",
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_odd_files_are_one_sentence(odd_files: dict[str, Path], kind: str) -> None:
    for opener in (open_photo, content_key, open_file):
        with pytest.raises(PhotoError) as caught:
            opener(odd_files[kind])
        assert str(caught.value).endswith(EXPECTED[kind])
        assert len(str(caught.value)) < 450


def test_inspection_answers_good_files_among_odd_ones(odd_files: dict[str, Path], tmp_path: Path) -> None:
    good = photo(tmp_path / "good.png")
    facts = inspect_photos([*odd_files.values(), good])
    assert [found.usable for found in facts] == [False] * len(odd_files) + [True]
    assert {found.problems[0].code for found in facts[:-1]} == {"unreadable"}


def test_predict_answers_good_files_among_odd_ones(
    odd_files: dict[str, Path], birds: Path, fitted: Path, command: Callable[..., Any]
) -> None:
    import json

    good = next(birds.rglob("*.jpg"))
    named = [path for kind, path in odd_files.items() if kind != "NUL"]  # no shell can pass one on
    done = command("predict", fitted, *named, good, "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 1
    assert ["error" in answer for answer in answers] == [True] * len(named) + [False]


def test_links_are_followed_and_each_folder_is_visited_once(tmp_path: Path) -> None:
    root = tmp_path / "set"
    photo(root / "gull/1.png")
    photo(tmp_path / "elsewhere/2.png")
    (root / "tern").symlink_to(tmp_path / "elsewhere")
    (root / "gull/up").symlink_to(root)
    (root / "again").symlink_to(root / "gull")
    (root / "gone").symlink_to(tmp_path / "nowhere")
    (root / "circle").symlink_to(root / "circle")
    assert photos_below(root) == [root / "gull/1.png", root / "tern/2.png"]
    top = scan(root)
    assert [(found.path.name, found.reason) for found in top.passed_over] == [
        ("again", "a link to a folder that was read already")
    ]
    assert [found.path.name for found in top.folders["gull"].passed_over] == ["up"]
    records = read(root)
    assert (records.classes, len(records)) == (("gull", "tern"), 2)


def test_predict_takes_the_photos_that_check_takes(
    tmp_path: Path, birds: Path, fitted: Path, command: Callable[..., Any]
) -> None:
    root = tmp_path / "set"
    for folder in sorted(birds.iterdir())[:2]:
        (root / folder.name).parent.mkdir(exist_ok=True)
        (root / folder.name).symlink_to(folder)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.jpg")
    predicted = command("predict", fitted, root, "--csv").out.splitlines()[1:]
    assert len(predicted) == 1 + len(read(root))
    assert "a named pipe" in "".join(predicted)


def test_folders_of_other_programs_and_own_outputs_are_passed_over(tmp_path: Path) -> None:
    photo(tmp_path / "gull/1.png")
    for name in ("@eaDir", "__MACOSX", ".ipynb_checkpoints", "gull/@eaDir"):
        photo(tmp_path / name / "1.png")
    photo(tmp_path / "model/gallery/1.png")
    (tmp_path / "model/fieldmark.json").touch()
    top = scan(tmp_path)
    assert photos_below(tmp_path) == [tmp_path / "gull/1.png"]
    assert [(found.path.name, found.reason) for found in top.passed_over] == [
        (".ipynb_checkpoints", "a folder of another program"),
        ("@eaDir", "a folder of another program"),
        ("__MACOSX", "a folder of another program"),
        ("model", "an output of Fieldmark"),
    ]


def test_deep_nesting_ends(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(70):
        folder = folder / "d"
    photo(folder / "1.png")
    photo(tmp_path / "2.png")
    assert photos_below(tmp_path) == [tmp_path / "2.png"]


def test_others_and_folders_without_photos_are_known(tmp_path: Path) -> None:
    photo(tmp_path / "gull/1.png")
    (tmp_path / "gull/2.CR2").touch()
    (tmp_path / "tern").mkdir()
    (tmp_path / "tern/3.cr2").touch()
    top = scan(tmp_path)
    assert top.folders["gull"].others == ("2.CR2",)
    assert [(folder.path.name, folder.others) for folder in top.without_photos] == [("tern", ("3.cr2",))]


@pytest.mark.parametrize("ending", [".heic", ".avif", ".jp2", ".j2k", ".jpg", ".hif"])
def test_endings_of_new_formats_count(ending: str) -> None:
    assert ending in IMAGE_EXTENSIONS


def test_printable_shows_every_character() -> None:
    assert printable("a\nb\x1b[31m é.jpg") == r"a\nb\x1b[31m é.jpg"
    assert printable("x" * 1000) == f"{'x' * 150}…{'x' * 150}"
