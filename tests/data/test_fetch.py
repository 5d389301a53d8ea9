"""Downloads of data sets: instructions for those to get by hand, and one-sentence errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.data import fetch as module
from fieldmark.data.fetch import BY_HAND, FETCHABLE, fetch
from fieldmark.data.readers import READERS
from fieldmark.errors import DataError, SettingError


def test_every_published_layout_can_be_downloaded_or_has_instructions() -> None:
    assert {*FETCHABLE, *BY_HAND} == set(READERS) - {"csv", "image_folder", "coco", "pascal_voc", "yolo"}
    assert not set(FETCHABLE) & set(BY_HAND)


def test_data_sets_to_download_by_hand_have_instructions(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^nabirds must be downloaded by hand from the Cornell Lab of Ornithology"):
        fetch("nabirds", tmp_path)


def test_an_unknown_name_has_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="unknown data set 'oxford_pet': did you mean 'oxford_pets'"):
        fetch("oxford_pet", tmp_path)


def test_a_failed_download_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(root: Path) -> None:
        raise OSError("Name or service not known\nlong trace")

    monkeypatch.setitem(module.FETCHABLE, "oxford_pets", (fail, "oxford-iiit-pet"))
    expected = f"oxford_pets could not be downloaded into {tmp_path} (Name or service not known); "
    with pytest.raises(DataError) as caught:
        fetch("oxford_pets", tmp_path)
    assert str(caught.value) == expected + "check the connection, then try again"
