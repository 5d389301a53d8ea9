"""HTML pages that need no other file: one base template, one design, for light and dark screens and for paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldmark.atomic import atomic_file, require_place
from fieldmark.errors import SettingError
from fieldmark.evaluation.figure_style import to_svg
from fieldmark.report.design_folder import DESIGN
from fieldmark.report.hidden_folders import folder_hider

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

    from fieldmark.recognizer.predictor import Predictor

__all__ = ["chart", "embedded_json", "model_facts", "model_name", "percent", "require_writable", "write_page"]

# Characters of names that would show the text after them in another order (UAX #9).
_REORDERS = re.compile("[\u202a-\u202e\u2066-\u2069]")

_WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "about": "About this page",
        "close": "Close",
        "enlarge": "Enlarge",
        "date": "{0.day} {0:%B %Y}",
        "facts": {},
    },
    "zh": {
        "about": "关于本页",
        "close": "关闭",
        "enlarge": "放大",
        "date": "{0.year} 年 {0.month} 月 {0.day} 日",
        "facts": {"model": "模型", "photos": "照片", "data fingerprint": "数据指纹", "written": "生成时间"},
    },
}
"""Language -> the texts around the content of a page."""


def write_page(
    out: Path,
    template: str,
    *,
    subject: str,
    date: datetime | None = None,
    folders: Iterable[Path | str] = (),
    lang: str = "en",
    **values: Any,
) -> None:
    """Fill in a template that extends ``base.html.j2`` and write it.

    All values are escaped. Characters that reverse the order of the text after them are replaced by U+FFFD.

    Args:
        out: The HTML file.
        template: Its name.
        subject: Name of the model or the data set, for the header.
        date: When the content was made; now if left out.
        folders: Folders of this machine that the values may name; the page does not.
        lang: ``en`` or ``zh``.
        **values: What the template shows; a missing value is an error.
    """
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader("fieldmark.report"), FileSystemLoader(DESIGN)])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    hide = folder_hider(folders)
    environment.finalize = lambda value: hide(value) if type(value) is str else value
    environment.filters["percent"] = percent
    environment.filters["count"] = lambda number: f"{number:,}"
    made = (date or datetime.now(UTC)).date()
    frame = {"subject": subject, "date": made, "icon": _icon(), "lang": lang, "words": _WORDS[lang]}
    frame["date_text"] = _WORDS[lang]["date"].format(made)
    page = environment.get_template(template).render(**frame, **values)
    with atomic_file(out) as draft:
        draft.write_text(_REORDERS.sub("\N{REPLACEMENT CHARACTER}", page), encoding="utf-8", errors="surrogateescape")


def _icon() -> Markup:
    """The icon as an element of a page, which needs no namespace."""
    from markupsafe import Markup

    text = (DESIGN / "icon.svg").read_text(encoding="utf-8").strip()
    return Markup(text.replace(' xmlns="http://www.w3.org/2000/svg"', ' aria-hidden="true"'))


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


def model_name(recognizer: Predictor) -> str:
    """Return the name of the model's folder or file."""
    return recognizer.folder.resolve().name


def model_facts(recognizer: Predictor, *facts: tuple[str, str], lang: str = "en") -> list[tuple[str, str]]:
    """Return name and value of what a page says about its origin: the model, `facts`, the data, the time."""
    manifest = recognizer.manifest
    found = [
        ("model", f"{model_name(recognizer)}, {manifest.method}, Fieldmark {manifest.fieldmark}"),
        *facts,
        ("data fingerprint", manifest.data.fingerprint),
        ("written", datetime.now(UTC).isoformat(timespec="minutes")),
    ]
    names = _WORDS[lang]["facts"]
    return [(names.get(name, name), value) for name, value in found]


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
