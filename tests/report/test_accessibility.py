"""Every page of a file: no serious finding of axe-core, nothing cut off on a phone, photos that open by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile_pages import PAGES

from axe import serious_findings


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(hostile_pages: dict[str, Path], name: str, scheme: str, browser: Any) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page.goto(hostile_pages[name].as_uri())
    found = serious_findings(page)
    page.close()
    assert found == []


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_all(hostile_pages: dict[str, Path], name: str, fits_a_phone: Callable[[Path], None]) -> None:
    fits_a_phone(hostile_pages[name])


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_on_a_phone(hostile_pages: dict[str, Path], name: str, browser: Any) -> None:
    """Only tables may be wider than the screen; they scroll inside of their own frame, which the keyboard reaches."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(hostile_pages[name].as_uri())
    outside = page.evaluate(
        """() => [...document.querySelectorAll("main *, header *, footer *")]
            .filter((one) => !one.closest(".scroll") && !one.closest("svg") && one.checkVisibility())
            .filter((one) => { const box = one.getBoundingClientRect(); return box.right > 391 || box.left < -1; })
            .map((one) => `${one.tagName}.${one.className}`)"""
    )
    page.close()
    assert outside == []


def test_photos_and_figures_open_and_close_by_keyboard(hostile_pages: dict[str, Path], browser: Any) -> None:
    page = browser.new_page()
    page.goto(hostile_pages["report"].as_uri())
    photos = page.locator("button.enlarge:not(.chart-button)")
    photos.nth(0).focus()
    page.keyboard.press("Enter")
    large = page.locator("dialog.large[open]")
    assert large.locator("img").evaluate("image => image.naturalWidth > 0")
    first = large.locator("figcaption").inner_text()
    page.keyboard.press("ArrowRight")
    assert large.locator("figcaption").inner_text() != first
    page.keyboard.press("Escape")
    assert large.count() == 0
    assert page.evaluate("() => document.activeElement.classList.contains('enlarge')")
    page.locator("button.chart-button").first.press("Enter")
    assert large.locator("svg").count() == 1
    large.get_by_role("button", name="Close").press("Enter")
    assert large.count() == 0
    page.close()
