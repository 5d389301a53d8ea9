"""Photos of one burst or folder are one specimen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldmark import Recognizer, SettingError
from fieldmark.catalogue.group_photos import group_by_burst, group_by_folder
from fieldmark.catalogue.queries import Query
from fieldmark.data.photos.capture import read_capture


def _taken(path: Path, time: str | None, camera: str = "R7", serial: str = "", fraction: str = "") -> Path:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", camera
    details = exif.get_ifd(0x8769)
    if time is not None:
        details[0x9003] = time
    if fraction:
        details[0x9291] = fraction
    if serial:
        details[0xA431] = serial
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16)).save(path, exif=exif)
    return path


def _groups(photos: list[Path], seconds: float) -> list[str | None]:
    return [one.group for one in group_by_burst([Query(photo, str(photo)) for photo in photos], seconds)]


def test_time_and_camera_come_from_the_exif(tmp_path: Path) -> None:
    found = read_capture(_taken(tmp_path / "a.jpg", "2026:05:01 10:22:31", "Canon EOS R7", "77", "25"))
    assert found is not None
    assert (found.time.isoformat(), found.camera, found.serial) == ("2026-05-01T10:22:31.250000", "Canon EOS R7", "77")
    for number, text in enumerate((None, "0000:00:00 00:00:00", "yesterday", "")):
        assert read_capture(_taken(tmp_path / f"{number}.jpg", text)) is None
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe1no photo")
    assert read_capture(tmp_path / "broken.jpg") is None
    assert read_capture(tmp_path / "absent.jpg") is None


def test_a_burst_ends_with_a_pause_or_another_camera(tmp_path: Path) -> None:
    photos = [
        _taken(tmp_path / "c.jpg", "2026:05:01 10:00:04"),
        _taken(tmp_path / "a.jpg", "2026:05:01 10:00:00"),
        _taken(tmp_path / "other.jpg", "2026:05:01 10:00:01", "R5"),
        _taken(tmp_path / "b.jpg", "2026:05:01 10:00:02"),
        _taken(tmp_path / "late.jpg", "2026:05:01 10:00:06", fraction="1"),
        _taken(tmp_path / "untimed.jpg", None),
        _taken(tmp_path / "twin.jpg", "2026:05:01 10:00:00", serial="2"),
    ]
    first, twin = "2026-05-01 10:00:00 Canon R7", "2026-05-01 10:00:00 Canon R7 (2)"
    assert _groups(photos, 2) == [
        first,
        first,
        "2026-05-01 10:00:01 Canon R5",
        first,
        "2026-05-01 10:00:06 Canon R7",
        str(photos[5]),
        twin,
    ]
    assert _groups(photos, 2.2)[4] == first
    with pytest.raises(SettingError, match="--burst must be a number of seconds above 0, but is 0"):
        _groups(photos, 0)


def test_folders_and_tables_do_not_mix(tmp_path: Path) -> None:
    photos = [tmp_path / "one" / "a.jpg", tmp_path / "one" / "b.jpg", tmp_path / "two" / "a.jpg"]
    found = group_by_folder([Query(photo, str(photo)) for photo in photos])
    assert [one.group for one in found] == [str(photo.parent) for photo in photos]
    with pytest.raises(SettingError, match="names the specimens itself: leave out --by-folder"):
        group_by_folder([Query(photos[0], "a", group="x")])


def test_a_burst_is_answered_as_one(fitted: Path, birds: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    (tmp_path / "photos").mkdir()
    for number, photo in enumerate(sorted(birds.rglob("*.jpg"))[:5]):
        details[0x9003] = f"2026:05:01 10:00:{number * (1 if number < 3 else 10):02}"
        Image.open(photo).save(tmp_path / "photos" / photo.name, exif=exif, quality=95)
    done = command("predict", fitted, tmp_path / "photos", "--burst", 2, "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [(one["group"], len(one["photos"])) for one in answers] == [
        ("2026-05-01 10:00:00", 3),
        ("2026-05-01 10:00:30", 1),
        ("2026-05-01 10:00:40", 1),
    ]
    paths = sorted((tmp_path / "photos").iterdir())
    together = Recognizer(fitted).predict_specimen(paths[:3])
    assert np.isclose(answers[0]["candidates"][0]["probability"], together.confidence)


def test_the_options_name_groups(fitted: Path, birds: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    table = tmp_path / "photos.csv"
    for name, photo in zip("abc", sorted(birds.rglob("*.jpg"))[::30], strict=False):
        shutil.copy(photo, tmp_path / f"{name}.jpg")
    table.write_text("path,individual\na.jpg,x\nb.jpg,y\nc.jpg,x\n")
    done = command("predict", fitted, table, "--group-col", "Individual", "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [(one["group"], len(one["photos"])) for one in answers] == [("x", 2), ("y", 1)]
    wrong = command("predict", fitted, table, "--group-col", "bird")
    assert (wrong.code, f"expected a column 'bird' in {table}, but it has: path, individual" in wrong.err) == (2, True)
    by_folder = command("predict", fitted, tmp_path, "--by-folder", "--json")
    assert json.loads(by_folder.out)["group"] == str(tmp_path)
    both = command("predict", fitted, tmp_path, "--by-folder", "--burst", 1)
    assert "--by-folder and --burst exclude each other; give one of them" in both.err
    alone = command("predict", fitted, tmp_path / "a.jpg", "--group-col", "individual")
    assert "no table was given" in alone.err
