"""docs/settings.md lists every setting as it is. After a change: python tests/test_settings_page.py"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from fieldmark.config import SETTINGS
from fieldmark.settings.base import FitSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"


def _rows(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| setting | default | what it is |"
    yield "| --- | --- | --- |"
    for name, field in fields.items():
        default = "" if field.default is PydanticUndefined else f"`{field.default}`"
        yield f"| `{name}` | {default} | {field.description or ''} |"


def settings_page() -> str:
    shared = {name: field for name, field in FitSettings.model_fields.items() if name != "method"}
    lines = ["# Settings", "", "For `--set key=value`, recipes and `fieldmark.fit(..., key=value)`.", ""]
    lines += ["## Every method", "", *_rows(shared), ""]
    for method, model in sorted(SETTINGS.items()):
        own = {name: field for name, field in model.model_fields.items() if name not in FitSettings.model_fields}
        about = (model.__doc__ or "").strip().splitlines()[0]
        lines += [f"## {method}", "", about, "", *_rows(own), ""]
    return "\n".join(lines)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "run: python tests/test_settings_page.py"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
