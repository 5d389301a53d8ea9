"""Notes in a guide: kept by the browser, saved as a file, joined with those of other people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldmark import DataError
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.guide.advice import ClassCounts
from fieldmark.guide.guide_photos import PredictedPhotos
from fieldmark.guide.make_guide import Guide
from fieldmark.report.guide.guide_notes import join_notes, read_notes
from fieldmark.report.guide.guide_page import write_guide_page
from fieldmark.structures import Record, RecordList

NAMES = ("crow", "constructor", "<b>rook</b>")


def test_notes_are_joined_without_repeating_any() -> None:
    mine, yours = {"crow": "black beak", "rook": "grey"}, {"crow": "black beak\nsquare tail", "daw": "pale eye"}
    assert join_notes([mine, yours]) == {"crow": "black beak\nsquare tail", "rook": "grey", "daw": "pale eye"}
    assert join_notes([yours, mine]) == {"crow": "black beak\nsquare tail", "daw": "pale eye", "rook": "grey"}
    assert join_notes([{"crow": "caws"}, {"crow": "hops"}]) == {"crow": "caws\nhops"}
    assert join_notes([]) == {}


FORM = 'holds no notes of the form {"notes": {"class": "text"}}'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"notes": {"crow": 3}}', FORM),
        (b"[]", FORM),
        (b" " * 5_000_001, "has more than 5,000,000 bytes, too many for notes"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_files_that_hold_no_notes(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as raised:
        read_notes(path)
    assert str(raised.value) == f"{path} {reason}; name a file that a guide saved"


def _page(folder: Path, notes: dict[str, str]) -> Path:
    Image.new("RGB", (32, 32)).save(folder / "a.png")
    records = RecordList([Record(folder / "a.png", label) for label in range(3)], NAMES)
    tested = PredictedPhotos(records, Predictions(np.eye(3), np.arange(3)), {"test": 3}, False)
    counts = tuple(ClassCounts(name, 30, 1, 1) for name in NAMES)
    guide = Guide(tested, ((records[0],),) * 3, (), (), counts, ((),) * 3)
    out = folder / "guide.html"
    write_guide_page(guide, out, 10**6, subject="birds", notes=notes, model_key="birds 1f")
    return out


def _text(page: Any, label: int) -> str:
    return str(page.locator(f"textarea[data-label='{label}']").input_value())


def test_a_note_stays_in_the_browser_and_leaves_it_as_a_file(browser: Any, tmp_path: Path) -> None:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.goto(_page(tmp_path, {"<b>rook</b>": "from the file"}).as_uri())
    assert [_text(page, label) for label in range(3)] == ["", "", "from the file"]
    page.locator("textarea[data-label='0']").fill("a </textarea><b>beak</b>")
    page.locator("textarea[data-label='1']").fill("")
    page.reload()
    assert _text(page, 0) == "a </textarea><b>beak</b>"
    with page.expect_download() as saved:
        page.locator("#notes-save").click()
    content = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert content["notes"] == {"crow": "a </textarea><b>beak</b>", "<b>rook</b>": "from the file"}
    assert read_notes(Path(saved.value.path())) == content["notes"]

    other = tmp_path / "other.json"
    other.write_text(json.dumps({"notes": {"crow": "hops", "wren": "small", "<b>rook</b>": "from the file"}}))
    page.set_input_files("#notes-file", other)
    page.locator("#notes-status").filter(has_text="Added notes on 2 classes.").wait_for()
    assert _text(page, 0) == "a </textarea><b>beak</b>\nhops"
    assert _text(page, 2) == "from the file"
    other.write_text("[]")
    page.set_input_files("#notes-file", other)
    page.locator("#notes-status").filter(has_text="This file has no notes of a field guide.").wait_for()

    page.goto(_page(tmp_path, {"crow": "a new page's note"}).as_uri())
    assert _text(page, 0) == "a </textarea><b>beak</b>\nhops\na new page's note"  # the browser's and the page's
    assert _text(page, 1) == ""
    context.close()


def test_the_command_joins_files_and_names_strange_classes(
    command: Callable[..., Any], fitted: Path, tmp_path: Path
) -> None:
    from fieldmark import Recognizer

    name = Recognizer(fitted).classes[0]
    for file, notes in (("a.json", {name: "first"}), ("b.json", {name: "second", "wren": "small"})):
        (tmp_path / file).write_text(json.dumps({"notes": notes}))
    out = tmp_path / "guide.html"
    files = ("--notes", tmp_path / "a.json", "--notes", tmp_path / "b.json")
    done = command("guide", fitted, "--out", out, "--pairs", 0, "--lang", "zh", *files)
    assert done.code == 0
    shown = done.err.replace("\n", " ")
    assert "notes on 'wren' are left out: the model has no such class" in shown
    text = out.read_text(encoding="utf-8")
    assert ">first\nsecond</textarea>" in text
    assert '<html lang="zh">' in text
    assert "识别图鉴" in text
    assert "生成时间" in text
    done = command("guide", fitted, "--out", out, "--lang", "fr")
    assert (done.code, done.err) == (2, "fieldmark: unknown language 'fr': (known: en, zh)\n")
