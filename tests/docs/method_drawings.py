"""Draw the methods of docs/background.md in both languages. After a change: python tests/docs/method_drawings.py

A drawing is a list of symbols on a grid and of arrows between them. ``name kind column row label`` makes a symbol,
``one > other`` an arrow. ``|`` breaks a label.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from html import escape
from itertools import cycle, islice
from pathlib import Path

__all__ = ["CHINESE", "DRAWINGS", "FOLDER", "drawing"]

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images" / "background"

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
DRAWINGS: dict[str, str] = _WORDS["drawings"]
CHINESE: dict[str, str] = _WORDS["chinese"]

_COLUMN, _ROW, _LEFT, _TOP = 116, 112, 62, 50
_INK, _PALE, _BLUE, _WARM = "#334155", "#e2e8f0", "#7aa7c7", "#e07b39"


def drawing(name: str, chinese: bool = False) -> str:
    """Return the SVG of a method."""
    statements = [part.strip() for line in DRAWINGS[name].splitlines() for part in line.split(";") if part.strip()]
    places: dict[str, tuple[float, float]] = {}
    halves: dict[str, float] = {}
    symbols: list[str] = []
    arrows: list[str] = []
    for statement in statements:
        if " > " in statement:
            one, other = statement.split(" > ")
            arrows.append(_arrow(places[one], places[other], halves[one], halves[other]))
            continue
        key, kind, column, row, label = statement.split(maxsplit=4)
        x, y = _LEFT + float(column) * _COLUMN, _TOP + float(row) * _ROW
        places[key] = (x, y)
        words = (CHINESE[label] if chinese else label).split("|")
        halves[key] = _box_width(words) / 2 if kind == "box" else 38
        symbols.append(_symbol(kind, x, y, words))
    width = max(x for x, _ in places.values()) + _LEFT
    height = max(y for _, y in places.values()) + 72
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'font-family="sans-serif" font-size="12" text-anchor="middle">\n'
        f'<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{_INK}"/></marker></defs>\n'
        f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#fff"/>\n'
        + "\n".join([*arrows, *symbols])
        + "\n</svg>\n"
    )


def _arrow(one: tuple[float, float], other: tuple[float, float], half: float, other_half: float) -> str:
    (x1, y1), (x2, y2) = one, other
    if abs(x2 - x1) < 1:
        return f'<path d="M{x1:g} {y1 + 50:g}V{y2 - 30:g}" stroke="{_INK}" marker-end="url(#end)"/>'
    line = f'<path d="M{x1 + half + 2:g} {y1:g}L{x2 - other_half - 3:g} {y2:g}" '
    return line + f'stroke="{_INK}" stroke-width="1.3" fill="none" marker-end="url(#end)"/>'


def _box_width(lines: list[str]) -> float:
    return max(84, max(sum(12.5 if ord(letter) > 0x2E80 else 6.6 for letter in line) for line in lines) + 14)


def _symbol(kind: str, x: float, y: float, lines: list[str]) -> str:
    if kind == "box":
        shift = y + 4 - 7 * (len(lines) - 1)
        width = _box_width(lines)
        return _rect(x - width / 2, y - 22, width, 44, "#f1f5f9", rounded=7) + _text(x, shift, lines)
    return _PICTURES[kind](x, y) + _text(x, y + 44, lines)


def _rect(x: float, y: float, width: float, height: float, fill: str, rounded: float = 0) -> str:
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {place} rx="{rounded:g}" fill="{fill}" stroke="{_INK}"/>'


def _text(x: float, y: float, lines: list[str]) -> str:
    parts = (f'<tspan x="{x:g}" y="{y + 14 * number:g}">{escape(line)}</tspan>' for number, line in enumerate(lines))
    return f'<text fill="{_INK}">{"".join(parts)}</text>'


def _frame(x: float, y: float, fill: str = "#dbeafe") -> str:
    return _rect(x - 30, y - 28, 60, 56, fill, rounded=3)


def _photo(x: float, y: float) -> str:
    return (
        f'{_frame(x, y)}<ellipse cx="{x - 3:g}" cy="{y + 6:g}" rx="16" ry="10" fill="{_BLUE}"/>'
        f'<circle cx="{x + 11:g}" cy="{y - 7:g}" r="7" fill="{_BLUE}"/>'
        f'<path d="M{x + 17:g} {y - 9:g}l9 3-9 2z" fill="{_WARM}"/>'
        f'<path d="M{x - 16:g} {y + 4:g}l-11-5 5 10z" fill="{_BLUE}"/>'
        f'<path d="M{x - 2:g} {y + 15:g}v9m5-9v9" stroke="{_INK}"/>'
    )


def _zoom(left: float, top: float, side: float) -> Callable[[float, float], str]:
    """Return a symbol that shows a part of the photo; the photo is 60 wide and 56 high."""

    def draw(x: float, y: float) -> str:
        seen = f'viewBox="{left:g} {top:g} {side:g} {side * 56 / 60:g}"'
        inner = f'<svg x="{x - 30:g}" y="{y - 28:g}" width="60" height="56" {seen}>{_photo(30, 28)}</svg>'
        return inner + _frame(x, y, "none")

    return draw


def _boxes(x: float, y: float) -> str:
    box = '<rect x="{:g}" y="{:g}" width="{:g}" height="{:g}" fill="none" stroke="' + _WARM + '" stroke-width="2"/>'
    return (
        _photo(x, y)
        + box.format(x - 27, y - 17, 54, 36)
        + box.format(x + 2, y - 15, 22, 16)
        + box.format(x - 20, y - 3, 32, 19)
    )


def _erased(x: float, y: float) -> str:
    return _photo(x, y) + f'<rect x="{x + 2:g}" y="{y - 16:g}" width="24" height="18" fill="#475569"/>'


def _cells(x: float, y: float, count: int, colour: list[str]) -> str:
    side = 54 / count
    cell = '<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" fill="{}" stroke="#fff" stroke-width=".8"/>'
    return "".join(
        cell.format(x - 27 + side * (number % count), y - 27 + side * (number // count), side, side, shade)
        for number, shade in enumerate(islice(cycle(colour), count * count))
    )


def _map(x: float, y: float) -> str:
    back = "".join(_rect(x - 27 + shift, y - 27 - shift, 54, 54, _PALE) for shift in (8, 4))
    return back + _cells(x, y, 4, ["#b6cfe2", "#d3e2ee", "#9fbfd8", "#c4d8e8", "#dce8f1", "#aac7dd", "#cbdcea"])


def _heat(x: float, y: float) -> str:
    shades = ["#f8fafc"] * 25
    for place, shade in {
        7: "#f6c9a8",
        8: "#f0a36f",
        9: "#f6c9a8",
        12: "#f0a36f",
        13: _WARM,
        14: "#f0a36f",
        18: "#f6c9a8",
    }.items():
        shades[place] = shade
    return _cells(x, y, 5, shades) + _rect(x - 27, y - 27, 54, 54, "none")


def _noise(x: float, y: float) -> str:
    shades = ["#f6c9a8", "#f8fafc", "#f0a36f", "#fde8d8", "#f8fafc", "#f0a36f", "#f6c9a8"]
    return _cells(x, y, 5, shades) + _rect(x - 27, y - 27, 54, 54, "none")


def _vec(x: float, y: float) -> str:
    return "".join(
        f'<rect x="{x - 6:g}" y="{y - 30 + 10 * number:g}" width="12" height="10" fill="{shade}" stroke="{_INK}"/>'
        for number, shade in enumerate(["#9fbfd8", "#dce8f1", "#b6cfe2", "#7aa7c7", "#d3e2ee", "#aac7dd"])
    )


def _bars(x: float, y: float) -> str:
    bar = '<rect x="{:g}" y="{:g}" width="{}" height="8" rx="2" fill="{}"/>'
    bars = [(50, _WARM), (22, _BLUE), (11, _BLUE), (6, _BLUE)]
    return "".join(
        bar.format(x - 26, y - 22 + 12 * number, length, shade) for number, (length, shade) in enumerate(bars)
    )


def _jigsaw(count: int) -> Callable[[float, float], str]:
    def draw(x: float, y: float) -> str:
        shades = ["#7aa7c7", "#dbeafe", "#9fbfd8", "#dbeafe", "#e8b08a", "#dbeafe", "#b6cfe2"]
        return _cells(x, y, count, shades) + _rect(x - 27, y - 27, 54, 54, "none")

    return draw


def _cloud(x: float, y: float) -> str:
    near = [(-30, -12), (-20, 4), (-35, 8), (-16, -16)]
    far = [(20, -6), (32, 6), (16, 12), (34, -14)]
    dot = '<circle cx="{:g}" cy="{:g}" r="4.5" fill="{}"/>'
    star = '<path d="M{:g} {:g}l5 8-5 8-5-8z" fill="{}" stroke="' + _INK + '"/>'
    return (
        "".join(dot.format(x + dx, y + dy, _BLUE) for dx, dy in near)
        + "".join(dot.format(x + dx, y + dy, _WARM) for dx, dy in far)
        + star.format(x - 26, y - 10, _BLUE) + star.format(x + 25, y - 8, _WARM)
    )  # fmt: skip


_PICTURES: dict[str, Callable[[float, float], str]] = {
    "photo": _photo,
    "boxes": _boxes,
    "erased": _erased,
    "map": _map,
    "heat": _heat,
    "noise": _noise,
    "vec": _vec,
    "bars": _bars,
    "cloud": _cloud,
    "jig8": _jigsaw(8),
    "jig4": _jigsaw(4),
    "jig2": _jigsaw(2),
    "zoom": _zoom(14, 8, 42),
    "zoom2": _zoom(30, 10, 26),
    "body": _zoom(6, 22, 38),
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for method in DRAWINGS:
        (FOLDER / f"{method}.svg").write_text(drawing(method), encoding="utf-8")
        (FOLDER / f"{method}.zh.svg").write_text(drawing(method, chinese=True), encoding="utf-8")
