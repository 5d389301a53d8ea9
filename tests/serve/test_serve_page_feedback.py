"""Answers are corrected on the page, the changes are listed, and each has a way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark import load

TOKEN = "only-for-tests"


def _correct(page: Any, label: str, token: str) -> Any:
    form = page.locator(".correct")
    if not form.evaluate("node => node.open"):
        form.locator("summary").click()
    form.locator("input[type=text]").fill(label)
    form.locator("input[type=password]").fill(token)
    form.locator("button[type=submit]").click()
    return form


@pytest.mark.parametrize("width", [1280, 390])
def test_correct_list_and_undo(open_page: Callable[..., Any], served: Any, photos: list[Path], width: int) -> None:
    page = open_page(width)
    page.set_input_files("#files", photos[0])
    page.locator(".headline .name").wait_for()
    form = _correct(page, "Rook", "wrong")
    form.locator(".wrong").filter(has_text="That access token isn't valid").wait_for()
    known = form.locator("datalist option").evaluate_all("options => options.map((one) => one.value)")
    assert known == list(load(served.model).classes)
    _correct(page, "Rook", TOKEN)
    page.locator(".notice.good").filter(has_text="Noted: it's “Rook”, a new class.").wait_for()
    assert [(one.label, one.name) for one in load(served.model).feedback()] == [("Rook", photos[0].name)]
    page.locator("#changes").click()
    row = page.locator(".changes-body li").filter(has_text="Rook")
    row.wait_for()
    page.wait_for_function("() => document.querySelector('.changes-body img')?.naturalWidth > 0")
    assert photos[0].name in row.inner_text()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    row.locator("button").click()
    page.locator(".changes-body").filter(has_text="Nobody has corrected an answer yet.").wait_for()
    assert load(served.model).feedback() == []
    page.keyboard.press("Escape")
    page.locator(".notice.good button").click()
    page.locator(".notice.good").filter(has_text="This change has already been undone.").wait_for()


def test_a_correction_is_undone_on_its_card(open_page: Callable[..., Any], served: Any, photos: list[Path]) -> None:
    page = open_page(query="?lang=zh")
    page.set_input_files("#files", photos[1])
    known = load(served.model).classes[0]
    page.locator(".headline .name").wait_for()
    _correct(page, known, TOKEN)
    page.locator(".notice.good").filter(has_text=f"已记下：这是“{known}”。").wait_for()
    assert [one.label for one in load(served.model).feedback()] == [known]
    page.locator(".notice.good button").press("Enter")
    page.locator(".correct summary").filter(has_text="其实是……").wait_for()
    assert load(served.model).feedback() == []


def test_an_added_class_says_that_it_is_from_one_photo_and_can_be_removed(
    open_page: Callable[..., Any], served: Any, photos: list[Path]
) -> None:
    page = open_page()
    page.set_input_files("#files", photos[2])
    page.locator(".headline .name").wait_for()
    for way in ("card", "list"):
        form = page.locator(".enroll")
        form.locator("summary").click()
        form.locator("input[type=text]").fill(f"Only one {way}")
        form.locator("input[type=password]").fill(TOKEN)
        form.locator("button[type=submit]").click()
        page.locator(".notice.good").filter(has_text="three to five photos work best").wait_for()
        assert load(served.model).classes[-1] == f"Only one {way}"
        if way == "card":
            page.locator(".notice.good button").click()
            form.locator("summary").wait_for()
        else:
            page.locator("#changes").click()
            row = page.locator(".changes-body li").filter(has_text="Only one list")
            assert "from 1 photo" in row.inner_text()
            row.locator("button").click()
            page.locator(".changes-body").filter(has_text="No class has been added.").wait_for()
        assert load(served.model).manifest.enrolled == []
