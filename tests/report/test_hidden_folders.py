"""Folders of the maker's machine are taken off the texts of a page, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.report.hidden_folders import folder_hider, hide_in_command


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/my birds/crow/1.jpg is damaged", "crow/1.jpg is damaged"),
        ("'/data/my birds' holds no photos", "'my birds' holds no photos"),
        ("see /data/my birds.", "see my birds."),
        ("two: /data/my birds/a.jpg, /data/my birds/b.jpg", "two: a.jpg, b.jpg"),
        (f"{Path.home()}/model/x: full", "model/x: full"),
        (f"{Path.cwd()}/y", "y"),
        ("tree/data/my birds", "tree/data/my birds"),  # no path of the machine
        ("/data/my birdsong/a.jpg", "/data/my birdsong/a.jpg"),
        ("and/or", "and/or"),
    ],
)
def test_folders_are_taken_off(text: str, shown: str) -> None:
    assert folder_hider([Path("/data/my birds"), "relative", "/"])(text) == shown


def test_a_command_keeps_the_last_part_of_each_path() -> None:
    command = (
        "fieldmark compare '/data/my birds' --out=/x/y/out --set lr=1e-3 --methods 'gem[poolings=gem]' birds/small"
    )
    assert hide_in_command(command) == (
        "fieldmark compare 'my birds' --out=out --set lr=1e-3 --methods 'gem[poolings=gem]' birds/small"
    )
