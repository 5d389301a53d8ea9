"""docs/settings.md lists every setting as it is. After a change: python tests/test_settings_page.py"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from fieldmark.methods import METHODS
from fieldmark.methods.settings_base import FitSettings, GradientSettings
from fieldmark.recipe import settings_class

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"


def _rows(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| setting | default | what it is |"
    yield "| --- | --- | --- |"
    for name, field in fields.items():
        default = "" if field.default is PydanticUndefined else f"`{field.default}`"
        yield f"| `{name}` | {default} | {field.description or ''} |"


def _own(model: type[FitSettings], base: type[FitSettings]) -> dict[str, FieldInfo]:
    """What a class adds to its base, or sets otherwise."""
    shared = {name: field.default for name, field in base.model_fields.items()}
    return {
        name: field
        for name, field in model.model_fields.items()
        if name != "method" and (name not in shared or field.default != shared[name])
    }


def settings_page() -> str:
    lines = ["# Settings", "", "For `--set key=value`, recipes and `fieldmark.fit(..., key=value)`.", ""]
    shared = {name: field for name, field in FitSettings.model_fields.items() if name != "method"}
    lines += ["## Every method", "", *_rows(shared), ""]
    models = {name: settings_class(name) for name in METHODS}
    by_gradient = [name for name, model in models.items() if issubclass(model, GradientSettings)]
    lines += ["## Every method that learns by gradient descent", "", f"{', '.join(by_gradient)}.", ""]
    lines += [*_rows(_own(GradientSettings, FitSettings)), ""]
    for method, model in models.items():
        base = GradientSettings if issubclass(model, GradientSettings) else FitSettings
        about = (model.__doc__ or "").strip().splitlines()[0]
        lines += [f"## {method}", "", about, "", *_rows(_own(model, base)), ""]
    return "\n".join(lines)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "run: python tests/test_settings_page.py"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
