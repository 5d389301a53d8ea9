"""A model names the place of its photos without telling who made it; the computer that made it remembers the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark import load
from fieldmark.artifact.data_place import find_data, portable_path, remember_data
from fieldmark.artifact.manifest import DataFacts


def _facts(source: str, fingerprint: str = "f00") -> DataFacts:
    return DataFacts(source=source, layout="image_folder", fingerprint=fingerprint, photos={})


def test_no_file_of_a_model_holds_a_place_of_the_makers_machine(fitted: Path, birds: Path) -> None:
    """Neither the folder of the photos nor that of the model is written anywhere."""
    places = [str(place).encode() for place in (birds, fitted, Path.home(), Path(__file__).parents[2])]
    for file in (path for path in fitted.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert not any(place in content for place in places if len(place) > 5), file


def test_the_photos_are_found_again(fitted: Path, birds: Path) -> None:
    recognizer = load(fitted)
    assert not Path(recognizer.manifest.data.source).is_absolute()
    assert recognizer.data_place == birds


def test_a_path_leads_from_the_model_to_the_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / "anna"
    monkeypatch.setattr(Path, "home", lambda: home)
    assert portable_path(home / "birds", home / "models" / "one") == "../../birds"
    assert portable_path(tmp_path / "data" / "birds", home / "model") == "../../../data/birds"
    assert portable_path(home / "birds", tmp_path / "out" / "model") == "birds"


def test_where_photos_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path / "cache"))
    model, birds, moved = (tmp_path / name for name in ("model", "birds", "elsewhere/birds"))
    for folder in (model, birds, moved):
        folder.mkdir(parents=True)
    assert find_data(_facts("../birds"), model).samefile(birds)
    assert find_data(_facts("../gone"), model) == Path("../gone")
    assert find_data(_facts(str(birds)), model) == birds
    remember_data("f00", moved)
    assert find_data(_facts("../birds"), model) == moved
    assert find_data(_facts("../birds", "bad"), model).samefile(birds)
    moved.rmdir()
    assert find_data(_facts("../birds"), model).samefile(birds)


def test_the_same_photos_in_a_folder_and_in_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path / "cache"))
    folder, table = tmp_path / "data" / "birds", tmp_path / "data" / "birds.csv"
    folder.mkdir(parents=True)
    table.write_text("path,bird\n")
    for place in (folder, table):
        remember_data("f00", place)
    assert find_data(_facts("birds"), tmp_path) == folder
    assert find_data(_facts("birds.csv"), tmp_path) == table


def test_a_cache_that_cannot_be_written_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The note then lies in a temporary cache, which this process reads too."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path / "file"))
    remember_data("f00", tmp_path)
    assert find_data(_facts(tmp_path.name), tmp_path) == tmp_path
