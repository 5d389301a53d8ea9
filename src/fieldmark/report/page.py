"""Pages that need no other file: one template, one style for screen, night and paper."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fieldmark.errors import SettingError

__all__ = ["demand_place", "embedded_json", "percent", "render_page"]

NARROW = "\u00a0"
"""Between a number and its percent sign: a space at which no line breaks."""


def render_page(template: str, **values: Any) -> str:
    """A template, filled in; it may extend ``base.html.j2``. Everything that is put in is escaped.

    Args:
        template: Its name.
        **values: What it shows. A value that is missing is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("fieldmark.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = percent
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment.get_template(template).render(**values)


def percent(share: float | None, digits: int = 0) -> str:
    """A fraction for the eyes; a dash for None."""
    return "–" if share is None else f"{100 * share:.{digits}f}{NARROW}%"


def embedded_json(value: Any) -> str:
    """JSON that may stand inside of a ``<script>`` element, whatever names it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def demand_place(out: Path, example: str) -> None:
    """Make sure that a page can be written, before the work that fills it begins.

    Args:
        out: The file.
        example: A name for a file, for the error.

    Raises:
        SettingError: It is a folder, or nothing can be written there.
    """
    if out.is_dir():
        raise SettingError(f"expected a file to write, but {out} is a folder; name a file in it: {out / example}")
    try:
        out.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"{out} cannot be written ({error.strerror}); name another place") from error
    if not os.access(out.resolve().parent, os.W_OK):
        raise SettingError(f"{out} cannot be written (its folder is read-only); name another place")
