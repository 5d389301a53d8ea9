"""The settings of a fit, from recipe, options and overrides: checked, and none ever ignored in silence."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fieldmark.errors import SettingError, unknown_name
from fieldmark.settings.attention import CALSettings, CbamSettings, WSDANSettings
from fieldmark.settings.base import FitSettings
from fieldmark.settings.ensemble import EnsembleSettings
from fieldmark.settings.frozen import AutoSettings, LinearProbeSettings
from fieldmark.settings.gradient import FineTuneSettings, GradientSettings
from fieldmark.settings.metric_learning import MetricLearningSettings
from fieldmark.settings.navigation import NTSNetSettings, PMGSettings
from fieldmark.settings.parts import PartRCNNSettings
from fieldmark.settings.recipe import RecipeDataset
from fieldmark.settings.regions import MACNNSettings, RACNNSettings
from fieldmark.settings.second_order import (
    BilinearCNNSettings,
    CompactBilinearSettings,
    HierarchicalBilinearSettings,
    ISqrtCovSettings,
)

__all__ = [
    "SETTINGS",
    "AutoSettings",
    "EnsembleSettings",
    "FineTuneSettings",
    "FitSettings",
    "GradientSettings",
    "LinearProbeSettings",
    "RecipeDataset",
    "build_settings",
    "parse_duration",
    "recipe_dataset",
]

SETTINGS: dict[str, type[FitSettings]] = {
    "auto": AutoSettings,
    "bilinear_cnn": BilinearCNNSettings,
    "cal": CALSettings,
    "cbam": CbamSettings,
    "compact_bilinear": CompactBilinearSettings,
    "ensemble": EnsembleSettings,
    "fine_tune": FineTuneSettings,
    "hierarchical_bilinear": HierarchicalBilinearSettings,
    "isqrt_cov": ISqrtCovSettings,
    "linear_probe": LinearProbeSettings,
    "ma_cnn": MACNNSettings,
    "nts_net": NTSNetSettings,
    "pmg": PMGSettings,
    "ra_cnn": RACNNSettings,
    "metric_learning": MetricLearningSettings,
    "part_rcnn": PartRCNNSettings,
    "ws_dan": WSDANSettings,
}
"""Method's name -> its settings."""


def parse_duration(text: str) -> float:
    """Seconds in a duration such as ``90``, ``90s``, ``10m`` or ``1h30m``.

    Raises:
        SettingError: The text is no duration.
    """
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    if not match or not any(match.groups()):
        raise SettingError(f"a duration looks like 90s, 10m or 1h30m, but got '{text}'")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def build_settings(
    method: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    recipe: Path | None = None,
    overrides: Sequence[str] = (),
) -> FitSettings:
    """Settings from a recipe, then options, then ``key=value`` overrides; later ones win.

    Args:
        method: ``auto`` where neither this nor the recipe names one.
        options: Values by name; None means not given.
        recipe: TOML file with the names of the settings as keys, and a table ``[dataset]`` if it has one.
        overrides: From ``--set``.

    Raises:
        SettingError: An unknown method or setting, or a value that does not fit.
    """
    values: dict[str, Any] = _recipe_settings(recipe) if recipe else {}
    values |= {key: value for key, value in (options or {}).items() if value is not None}
    values |= dict(_split_override(text) for text in overrides)
    if isinstance(values.get("budget"), str):
        values["budget"] = parse_duration(values["budget"])
    chosen = str(method or values.get("method", "auto"))
    if chosen not in SETTINGS:
        raise unknown_name("method", chosen, SETTINGS)
    model = SETTINGS[chosen]
    for key in values:
        if key not in model.model_fields:
            raise unknown_name(f"setting of {chosen}", key, [name for name in model.model_fields if name != "method"])
    try:
        return model.model_validate(values | {"method": chosen})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1])
        raise SettingError(
            f"setting '{name}' of {chosen}: {_lower(first['msg'])}, but got {first['input']!r}"
        ) from None


def recipe_dataset(path: Path) -> RecipeDataset | None:
    """The data set that a recipe was written for; None where it names none.

    Raises:
        SettingError: The file is no recipe, or its table ``[dataset]`` does not hold name, classes and photos.
    """
    table = _read_recipe(path).get("dataset")
    if table is None:
        return None
    try:
        return RecipeDataset.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "dataset"
        raise SettingError(
            f"[dataset] of the recipe {path} holds name, classes and photos; '{name}': {_lower(first['msg'])}"
        ) from None


def _recipe_settings(path: Path) -> dict[str, Any]:
    """The settings of a recipe; TOML has no null, so the text "none" stands for it, as in ``--set``."""
    recipe_dataset(path)
    values = {name: value for name, value in _read_recipe(path).items() if name != "dataset"}
    return {name: None if value == "none" else value for name, value in values.items()}


def _read_recipe(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SettingError(f"the recipe {path} is no file; give a TOML file with settings")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"the recipe {path} is not valid TOML: {error}") from None


def _split_override(text: str) -> tuple[str, Any]:
    key, found, value = text.partition("=")
    if not found or not key.strip():
        raise SettingError(f"--set takes key=value, but got '{text}'")
    value = value.strip()
    if value.lower() == "none":
        return key.strip(), None
    if key.strip() in ("poolings", "models"):
        return key.strip(), tuple(name.strip() for name in value.split(","))
    return key.strip(), value


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
