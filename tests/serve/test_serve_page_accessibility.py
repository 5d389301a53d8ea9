"""axe-core finds nothing serious on any view of the served page, light on a desktop and dark on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axe import serious_findings


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_no_view_has_serious_findings(
    open_page: Callable[..., Any], photos: list[Path], tmp_path: Path, width: int, scheme: str
) -> None:
    page = open_page(width, color_scheme=scheme, reduced_motion="reduce", permissions=["camera"])
    found = {"empty": serious_findings(page)}
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:700])
    page.set_input_files("#files", [*photos[:3], broken])
    page.locator("#status").filter(has_text=re.compile("^4 photos answered")).wait_for()
    found["grid"] = serious_findings(page)
    page.locator("[data-focus=select]").click()
    page.locator(".tile button").nth(1).click()
    found["selecting"] = serious_findings(page)
    page.locator("[data-focus=select]").click()
    page.locator(".tile:not(.is-unread) button").first.click()
    page.locator(".overlay:not([hidden])").wait_for()
    page.locator(".neighbours img").nth(11).wait_for()
    page.locator(".enroll summary").click()
    found["card"] = serious_findings(page)
    for name, opener, ready in (
        ("comparison", ".enlarge >> nth=0", ".other"),
        ("crop", ".crop-open", ".crop-area"),
        ("camera", "#camera", ".camera-take:not([disabled])"),
        ("history", "#history", ".history-list li >> nth=2"),
    ):
        page.locator(opener).click()
        page.locator(ready).wait_for()
        found[name] = serious_findings(page)
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
    assert {view: findings for view, findings in found.items() if findings} == {}
    assert len(found) == 8
