"""Expand a grid of settings into one line of the comparison for each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from fieldmark.compare.run_plan import SPLIT_SETTINGS, Spec
from fieldmark.errors import SettingError, unknown_name
from fieldmark.recipe import settings_class

__all__ = ["expand_grid", "parse_grid"]

Axis = tuple[str, tuple[str, ...]]
"""A setting and its values."""


def parse_grid(texts: Sequence[str]) -> list[Axis]:
    """Parse ``lr=1e-3,2e-4`` texts.

    Raises:
        SettingError: A text has no values, a setting or a value comes twice, or the setting decides the splits.
    """
    axes: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, listed = text.partition("=")
        name, values = name.strip(), tuple(value.strip() for value in listed.split(","))
        if not name or not all(values):
            raise SettingError(f"the grid '{text}' is not valid: write a setting and its values, such as lr=1e-3,2e-4")
        if name in SPLIT_SETTINGS:
            raise SettingError(
                f"'{name}' changes the photos, which must be the same for all rows: leave it out of --grid"
            )
        if name in axes:
            raise SettingError(f"--grid names '{name}' twice: give all its values at once")
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise SettingError(f"the grid of '{name}' has the value {twice} twice: leave one out")
        axes[name] = values
    return list(axes.items())


def expand_grid(specs: Sequence[Spec], axes: Sequence[Axis]) -> list[Spec]:
    """Return a line for each method and each point of the grid, in the Cartesian product.

    A method is expanded only along the settings that it has. A line is named after the method and its point, such as
    ``cbam lr=1e-3, epochs=6``.

    Raises:
        SettingError: No method has a setting of the grid.
    """
    fields = {spec.label: set(settings_class(spec.method).model_fields) for spec in specs}
    known = set().union(*fields.values()) - {"method"}
    for name, _ in axes:
        if name not in known:
            raise unknown_name("setting of the compared methods", name, known)
    lines = []
    for spec in specs:
        own = [(name, values) for name, values in axes if name in fields[spec.label]]
        for point in product(*(values for _, values in own)):
            texts = tuple(f"{name}={value}" for (name, _), value in zip(own, point, strict=True))
            label = f"{spec.label} {', '.join(texts)}" if texts else spec.label
            lines.append(replace(spec, label=label, overrides=(*spec.overrides, *texts)))
    return lines
