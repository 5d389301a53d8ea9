"""HTML pages that need no other file: one base template, one stylesheet, for light and dark screens and for paper."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldmark.atomic import atomic_file, require_place
from fieldmark.errors import SettingError
from fieldmark.evaluation.figure_style import to_svg

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

    from fieldmark.recognizer.predictor import Predictor

__all__ = ["chart", "embedded_json", "model_facts", "percent", "require_writable", "write_page"]


def write_page(out: Path, template: str, **values: Any) -> None:
    """Fill in a template that extends ``base.html.j2`` and write it. All values are escaped.

    Args:
        out: The HTML file.
        template: Its name.
        **values: What the template shows; a missing value is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("fieldmark.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = percent
    environment.filters["count"] = lambda number: f"{number:,}"
    page = environment.get_template(template).render(**values)
    with atomic_file(out) as draft:
        draft.write_text(page, encoding="utf-8", errors="surrogateescape")


def percent(share: float | None, digits: int = 0) -> str:
    """Format a fraction as a percentage; None as a dash."""
    return "–" if share is None else f"{100 * share:.{digits}f}%"


def chart(figure: Figure, description: str) -> Markup:
    """Return a figure as SVG that a template does not escape."""
    from markupsafe import Markup

    return Markup(to_svg(figure, description))


def embedded_json(value: Any) -> Markup:
    """Return JSON that is safe inside a ``<script>`` element, whatever names it contains."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def model_facts(recognizer: Predictor, *facts: tuple[str, str]) -> list[tuple[str, str]]:
    """Return name and value of what a page says about its origin: the model, `facts`, the data, the time."""
    manifest = recognizer.manifest
    return [
        ("model", f"{recognizer.folder.resolve().name}, {manifest.method}, Fieldmark {manifest.fieldmark}"),
        *facts,
        ("data fingerprint", manifest.data.fingerprint),
        ("written", datetime.now(UTC).isoformat(timespec="minutes")),
    ]


def require_writable(out: Path, example: str) -> None:
    """Check that a page can be written, before the work that fills it.

    Args:
        out: The file.
        example: A file name for the error message.

    Raises:
        SettingError: It is a folder, or it cannot be written.
    """
    require_place(out)
    if out.is_dir():
        raise SettingError(f"expected a file to write, but {out} is a folder; name a file in it: {out / example}")
