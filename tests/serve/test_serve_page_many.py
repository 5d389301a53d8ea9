"""Many photos on the page: grid, filters, folders, a table to download, one subject from several photos."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from answers_of_server import answers_of_server

from fieldmark.catalogue.answer_rows import AnswerRows
from fieldmark.recognizer.answer import Answer, Candidate

DROP = """async (files) => {
    // A folder, as a drop gives it: entries with readers that give a few entries at a time.
    const make = ({ path, bytes, type }) => new File([new Uint8Array(bytes)], path.split("/").pop(), { type });
    const file = (each) => ({ isFile: true, name: each.path.split("/").pop(), fullPath: `/${each.path}`,
        file: (resolve) => resolve(make(each)) });
    const folder = (name, children) => ({ isFile: false, name, createReader: () => {
        const left = [...children];
        return { readEntries: (resolve) => resolve(left.splice(0, 2)) };
    } });
    const inner = folder("inner", files.filter((each) => each.path.includes("/inner/")).map(file));
    const outer = folder("walk", [...files.filter((each) => !each.path.includes("/inner/")).map(file), inner]);
    const event = new Event("drop", { cancelable: true });
    event.dataTransfer = { items: [{ webkitGetAsEntry: () => outer }], files: [] };
    window.dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def many(birds: Path) -> list[Path]:
    """24 photos, six of each class."""
    return [photo for index, photo in enumerate(sorted(birds.rglob("*.jpg"))) if index % 4 == 0]


def _answered(page: Any, count: int) -> None:
    page.locator("#status").filter(has_text=re.compile(rf"^{count} photos answered")).wait_for()


@pytest.mark.parametrize("width", [1280, 390])
def test_many_photos_are_a_grid_with_filters(
    open_page: Callable[..., Any], many: list[Path], tmp_path: Path, width: int
) -> None:
    page = open_page(width)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(many[0].read_bytes()[:700])
    page.set_input_files("#files", [*many, broken])
    _answered(page, 25)
    asked = "() => performance.getEntriesByType('resource').filter((one) => one.name.includes('/v1/predict')).length"
    assert page.evaluate(asked) == 4  # 25 photos, at most 8 in a request
    assert page.locator(".tile").count() == 25
    assert page.evaluate("() => document.documentElement.scrollHeight") < 3000
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width

    page.locator(".chip.is-unread").click()
    assert page.locator(".tile").count() == 1
    page.locator(".tile button").click()
    assert "broken.jpg is damaged or incomplete" in page.locator(".card").inner_text()
    page.locator(".card .close").click()
    page.locator(".chip[data-focus='kind null']").click()
    assert page.locator(".tile").count() == 24

    option = page.locator(".filters option").nth(1)
    label, count = option.get_attribute("value"), int(option.inner_text().split("(")[1].rstrip(")"))
    page.locator(".filters select").select_option(label)
    assert page.locator(".tile").count() == count

    page.locator(".tile button").first.click()
    page.locator(".card .headline").wait_for()
    assert page.locator(".card-nav").inner_text().split("\n")[1:2] == [f"1 of {count}"]
    page.keyboard.press("ArrowRight")
    page.locator(".card-nav").filter(has_text=f"2 of {count}").wait_for()
    page.go_back()
    page.locator(".grid").wait_for()
    page.locator("[data-focus=clear]").click()
    assert page.locator(".tile, .card").count() == 0
    assert page.locator("#status").inner_text() == ""


def test_a_dropped_folder_gives_its_photos_at_any_depth(open_page: Callable[..., Any], photos: list[Path]) -> None:
    page = open_page()
    inside = ["walk/a10.jpg", "walk/a9.jpg", "walk/inner/b.jpg", "walk/inner/c.jpg"]
    files = [
        {"path": path, "type": "image/jpeg", "bytes": list(photo.read_bytes())}
        for path, photo in zip(inside, photos, strict=True)
    ]
    other = [
        {"path": "walk/notes.txt", "type": "text/plain", "bytes": [1]},
        {"path": "walk/.hidden.jpg", "type": "", "bytes": [1]},
    ]
    page.evaluate(DROP, [*files, *other])
    _answered(page, 4)
    assert "Files that are not photos were left out: 1." in page.locator("#status").inner_text()
    titles = [tile.get_attribute("title") for tile in page.locator(".tile button").all()]
    assert titles == ["walk/a9.jpg", "walk/a10.jpg", "walk/inner/b.jpg", "walk/inner/c.jpg"]


def test_the_downloaded_table_is_that_of_the_command_line(
    open_page: Callable[..., Any], served: Any, many: list[Path]
) -> None:
    page = open_page()
    chosen = many[::6]
    page.set_input_files("#files", chosen)
    _answered(page, 4)
    with page.expect_download() as waiting:
        page.locator("[data-focus=csv]").click()
    assert waiting.value.suggested_filename == "model.csv"
    table = Path(waiting.value.path()).read_text(encoding="utf-8")
    answers = answers_of_server(served.url, chosen)
    rows = AnswerRows("csv")
    assert table == rows.header + "".join(map(rows.line, answers))


def test_the_table_quotes_and_formats_as_the_command_line_does(open_page: Callable[..., Any]) -> None:
    names = ('Coat, "long"', "line\nbreak", "毛衣", "plain")
    candidates = tuple(Candidate(name, share) for name, share in zip(names, (0.6, 1 / 3, 0.05, 1e-7), strict=True))
    answers = [
        Answer("a,b.jpg", candidates, set=names[:2], rank="genus", ancestor="Coats", unknown=False, coverage=0.9),
        Answer("c.jpg", candidates[:1], unknown=True, coverage=0.123456789, set=("x",), rank="class"),
        Answer("d.jpg", error="d.jpg is empty, sorry"),
        Answer(
            "g.jpg", candidates[1:3], answers={"age, sex": Answer(None, candidates[2:], ("plain", "x"), unknown=True)}
        ),
        Answer(None, candidates[:2], rank="class", photos=("e.jpg", "f.jpg")),
    ]
    entries = [
        {
            "answer": answer.to_dict(),
            "path": answer.path,
            "together": answer.path is None,
            "photos": [{"path": path} for path in answer.photos],
        }
        for answer in answers
    ]
    script = "async (entries) => (await import('/page/answers_csv.js')).answersCsv(entries, ['age, sex'])"
    table = open_page().evaluate(script, entries)
    rows = AnswerRows("csv", questions=["age, sex"])
    assert table == rows.header + "".join(map(rows.line, answers))
    assert len(list(csv.reader(io.StringIO(table)))) == 6


def test_photos_of_one_subject_get_one_answer_and_come_apart_again(
    open_page: Callable[..., Any], served: Any, many: list[Path]
) -> None:
    page = open_page(390)
    page.set_input_files("#files", many[:4])
    _answered(page, 4)
    page.locator("[data-focus=select]").click()
    assert page.locator("[data-focus=together]").is_disabled()
    for index in (0, 2, 3):
        page.locator(".tile button").nth(index).click()
    page.locator("[data-focus=together]").click()
    card = page.locator(".card")
    card.locator(".headline").wait_for()
    assert card.locator(".file").inner_text() == "One subject, 3 photos"
    names = sorted(photo.name for photo in many[:4])
    files = [("photo", (many[0].parent / names[index]).read_bytes()) for index in (0, 2, 3)]
    answers = httpx.post(f"{served.url}/v1/predict?same_specimen=true", files=files, timeout=60).json()["answers"]
    assert card.locator(".candidate .label").first.inner_text() == answers[0]["candidates"][0]["label"]
    assert card.locator(".strip-photo").count() == 3
    card.locator(".strip-photo").nth(2).click()
    card.locator(f".photo[alt='Your photo {names[3]}']").wait_for()
    card.locator(".overlay:not([hidden])").wait_for()
    card.locator("[data-focus=separate]").click()
    page.locator(".grid").wait_for()
    assert page.locator(".tile").count() == 4


def test_a_busy_server_is_asked_again(open_page: Callable[..., Any], photos: list[Path]) -> None:
    page = open_page()
    tries: list[Any] = []

    def busy_once(route: Any) -> None:
        tries.append(route)
        if len(tries) == 1:
            route.fulfill(status=503, headers={"Retry-After": "0"}, json={"error": "too many photos are waiting"})
        else:
            route.continue_()

    page.route("**/v1/predict*", busy_once)
    page.set_input_files("#files", photos[0])
    page.locator(".card .headline").wait_for()
    assert len(tries) == 2
