"""A model of several questions on the page: an answer to each, on the card and in the table to download."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from answers_of_server import answers_of_server

from fieldmark import fit, load
from fieldmark.catalogue.answer_rows import AnswerRows
from fieldmark.data.read import read
from live_server import Served, live_server


@pytest.fixture(scope="module")
def served(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of a model that names the bird and its pair."""
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fieldmark.serve.app import create_app

    folder = tmp_path_factory.mktemp("questions")
    with (folder / "birds.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "bird", "pair"))
        for number, place in enumerate(sorted(birds.iterdir())):
            writer.writerows((photo, place.name, "ab"[number // 2]) for photo in sorted(place.iterdir()))
    model = folder / "model"
    fit(read(folder / "birds.csv", label_col="bird,pair"), model, method="linear_probe", image_size=96)
    with live_server(create_app(model)) as url:
        yield Served(url, model)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_card_shows_the_answer_to_each_question(
    open_page: Callable[..., Any], served: Served, photos: list[Path], width: int
) -> None:
    page = open_page(width)
    page.set_input_files("#files", photos[0])
    further = page.locator(".card .further")
    further.wait_for()
    pair = load(served.model).predict(photos[0]).answers["pair"]
    assert pair.set is not None
    assert further.locator("dt").all_inner_texts() == ["pair"]
    assert further.locator("dd .name, dd .small").first.inner_text().startswith(pair.label)
    assert f"{pair.candidates[0].probability:.0%}" in further.inner_text()
    assert f"{', '.join(pair.set)} – " in further.inner_text()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_downloaded_table_has_the_answer_to_each_question(
    open_page: Callable[..., Any], served: Served, photos: list[Path], tmp_path: Path
) -> None:
    page = open_page()
    broken = tmp_path / "zz.jpg"
    broken.write_bytes(photos[0].read_bytes()[:700])
    page.set_input_files("#files", [*photos, broken])
    page.locator("#status").filter(has_text=re.compile("^5 photos answered")).wait_for()
    with page.expect_download() as waiting:
        page.locator("[data-focus=csv]").click()
    table = Path(waiting.value.path()).read_text(encoding="utf-8")
    rows = AnswerRows("csv", questions=["pair"])
    assert rows.columns[-4:] == ["pair_label", "pair_probability", "pair_unknown", "pair_set"]
    answers = answers_of_server(served.url, photos)
    assert {answer.answers["pair"].label for answer in answers} == {"a", "b"}
    lines = [rows.line(answer) for answer in answers]
    assert table.startswith(rows.header + "".join(lines))
    (unread,) = csv.DictReader(table.replace("".join(lines), "").splitlines())
    assert unread["path"] == "zz.jpg"
    assert {name: cell for name, cell in unread.items() if cell} == {"path": "zz.jpg", "error": unread["error"]}
