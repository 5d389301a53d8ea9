"""Names of classes and files are text on every page: they run no script, change no order, and name no folder."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile_pages import NAMES, PAGES


class _Elements(HTMLParser):
    """Collects elements, their attributes, and the text outside of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", PAGES)
def test_names_run_nothing(hostile_pages: dict[str, Path], name: str) -> None:
    page = _Elements()
    page.feed(hostile_pages[name].read_text(encoding="utf-8"))
    scripts = [attributes for tag, attributes in page.found if tag == "script"]
    assert len(scripts) == {"report": 3, "guide": 4}.get(name, 1)
    for tag, attributes in page.found:
        assert not [key for key in attributes if key.startswith("on")]
        if tag == "img":
            assert str(attributes["src"]).startswith("data:image/jpeg;base64,")
    assert NAMES[0] in page.text
    assert "{{ 7 * 7 }}&lt;b&gt;" in page.text  # neither filled in nor unescaped


@pytest.mark.parametrize("name", PAGES)
def test_names_run_nothing_in_a_browser(hostile_pages: dict[str, Path], name: str, browser: Any) -> None:
    page = browser.new_page()
    fired: list[str] = []
    page.on("dialog", lambda dialog: (fired.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: fired.append(str(error)))
    page.goto(hostile_pages[name].as_uri())
    page.evaluate("() => { for (const one of document.querySelectorAll('*')) one.focus?.(); }")
    shown = page.locator("body").inner_text()
    page.close()
    assert fired == []
    assert NAMES[0] in shown


@pytest.mark.parametrize("name", PAGES)
def test_names_change_no_order(hostile_pages: dict[str, Path], name: str) -> None:
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", hostile_pages[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [*(f"{page}.html" for page in PAGES), "compare.md"])
def test_no_page_names_a_folder_of_its_maker(hostile_pages: dict[str, Path], name: str) -> None:
    folder = hostile_pages["report"].parent
    text = (folder / name).read_text(encoding="utf-8")
    for place in (str(folder.parent), str(Path.cwd()), f"{Path.home()}/", "/elsewhere/"):
        assert place not in text
