"""Cutting out the subject, the live camera and the history of the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image


def test_the_subject_is_cut_out_by_dragging_or_tapping(
    open_page: Callable[..., Any], photos: list[Path], tmp_path: Path
) -> None:
    page = open_page()
    wide = tmp_path / "wide.png"  # a bird at the right of an empty ground
    ground = Image.new("RGB", (512, 256), "white")
    ground.paste(Image.open(photos[0]).resize((128, 128)), (352, 64))
    ground.save(wide)
    page.set_input_files("#files", wide)
    page.locator(".card .headline").wait_for()
    page.locator(".crop-open").click()
    area = page.locator(".crop-area").bounding_box()
    x, y = area["x"] + area["width"] * 416 / 512, area["y"] + area["height"] / 2
    page.mouse.click(x, y)
    style = """(node) => ["left", "top", "width", "height"].map(
        (side) => Math.round(parseFloat(node.style[side]) * 100) / 100)"""
    assert page.locator(".crop-box").evaluate(style) == [68.75, 25, 25, 50]  # a square of 128 pixels around the tap
    page.locator(".crop-area").press("ArrowLeft")
    assert page.locator(".crop-box").evaluate(style) == [66.75, 25, 25, 50]
    left, top = area["x"] + area["width"] * 352 / 512, area["y"] + area["height"] / 4
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + 20, top + 20)
    page.mouse.move(left + area["width"] / 4, top + area["height"] / 2)
    page.mouse.up()
    page.locator(".crop-ask").click()
    page.get_by_text("Answered from the part that you chose.").wait_for()
    size = "() => { const image = document.querySelector('.photo'); return [image.naturalWidth, image.naturalHeight]; }"
    page.wait_for_function("() => document.querySelector('.photo')?.naturalWidth < 400")
    width, height = page.evaluate(size)
    assert abs(width - 128) <= 3
    assert abs(height - 128) <= 3
    page.locator("[data-focus=whole]").click()
    page.wait_for_function("() => document.querySelector('.photo')?.naturalWidth === 512")


def test_the_live_camera_answers_and_takes_a_photo(open_page: Callable[..., Any]) -> None:
    page = open_page(390, permissions=["camera"])
    page.locator("#camera").click()
    page.locator(".camera-take:not([disabled])").wait_for()
    page.wait_for_function("() => document.querySelector('.live').textContent.trim().length > 3")
    assert "wrong" not in page.locator(".live").get_attribute("class")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.locator(".camera-take").click()
    page.locator(".card .headline").wait_for()
    assert page.locator(".file").inner_text().startswith("camera 2")
    assert page.locator("dialog").count() == 0


def test_a_camera_that_is_not_allowed_says_what_to_do(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.locator("#camera").click()
    page.locator(".live.wrong").filter(has_text="Allow it in the address bar").wait_for()
    with page.expect_file_chooser():
        page.get_by_text("Use the camera app").click()
    page.evaluate("() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")  # as plain HTTP
    page.locator("#camera").click()
    page.locator(".live.wrong").filter(has_text="only on HTTPS pages and on this computer").wait_for()


def test_the_history_stays_in_the_browser_and_can_be_cleared(open_page: Callable[..., Any], photos: list[Path]) -> None:
    page = open_page()
    page.set_input_files("#files", photos[:2])
    page.locator("#status").filter(has_text=re.compile("^2 photos answered")).wait_for()
    page.locator(".grid:not(:has(.is-waiting))").wait_for()
    first = page.locator(".tile-name").first.inner_text()
    page.reload()
    page.locator("#model:not(:empty)").wait_for()
    page.locator("#history").click()
    rows = page.locator(".history-list li")
    rows.nth(1).wait_for()
    assert rows.count() == 2
    assert first in page.locator(".history-list").inner_text()
    assert "model · " in rows.first.inner_text()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.history-list img')].every((image) => image.naturalWidth)"
    )
    rows.first.locator(".close").click()
    rows.nth(1).wait_for(state="detached")
    assert rows.count() == 1
    page.locator(".history-clear").click()
    page.get_by_text("Nothing yet.").wait_for()
    page.locator(".check input").uncheck()
    page.keyboard.press("Escape")
    page.set_input_files("#files", photos[2])
    page.locator(".card .headline").wait_for()
    page.locator("#history").click()
    page.get_by_text("Nothing yet.").wait_for()
    assert rows.count() == 0
