"""All pages have one design: its tokens are defined once, and every page and figure uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import fieldmark
from fieldmark.evaluation.figure_style import PALETTE
from fieldmark.page_folder import PAGE
from fieldmark.report.design_folder import DESIGN
from fieldmark.report.page import write_page

PACKAGE = Path(fieldmark.__file__).parent
STYLE = (DESIGN / "design.css").read_text(encoding="utf-8")
LIGHT, DARK, *_ = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
COLOURS = re.compile(r"--([\w-]+): (#[0-9a-f]{6})")


def _styled() -> Iterator[Path]:
    for folder in (PACKAGE / "report" / "templates", PAGE):
        yield from (path for path in folder.iterdir() if path.suffix in (".css", ".j2"))


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *((text, ground) for text in ("ink", "soft", "accent", "good", "bad") for ground in ("ground", "surface")),
        ("ink", "raised"),
        ("soft", "raised"),
        ("on-accent", "accent"),
        ("good-ink", "good-ground"),
        ("notice-ink", "notice"),
    ],
)
def test_text_can_be_read(mode: str, text: str, ground: str) -> None:
    colours = dict(COLOURS.findall(LIGHT)) | (dict(COLOURS.findall(DARK)) if mode == "dark" else {})
    assert _contrast(colours[text], colours[ground]) >= 4.5  # WCAG 2.2, 1.4.3


def test_figures_have_the_colours_of_the_pages() -> None:
    colours = dict(COLOURS.findall(LIGHT))
    assert {name: colours[name] for name in PALETTE} == PALETTE


def test_every_token_that_a_page_uses_is_defined() -> None:
    defined = set(re.findall(r"--([\w-]+):", STYLE))
    for path in _styled():
        text = path.read_text(encoding="utf-8")
        own = set(re.findall(r"--([\w-]+):", text))
        used = {name for name in re.findall(r"var\(--([\w-]+)", text) if name}
        assert used - own <= defined, path.name
        assert not {"ground", "ink", "accent", "font"} & own, f"{path.name} defines a token of design.css"


def test_a_page_has_the_header_and_the_date(tmp_path: Path) -> None:
    made = datetime(2026, 3, 1, tzinfo=UTC)
    write_page(tmp_path / "page.html", "base.html.j2", subject="<birds>", date=made, facts=())
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<p class="subject"><strong>&lt;birds&gt;</strong>' in text
    assert '<time class="date" datetime="2026-03-01">1 March 2026</time>' in text
    assert "<svg" in text
    assert STYLE.strip() in text
