"""Build the settings of a fit from recipe, options and overrides. Every name and value is checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fieldmark.errors import SettingError, unknown_name
from fieldmark.methods import METHODS
from fieldmark.methods.settings_base import FitSettings

__all__ = ["RecipeDataset", "build_settings", "parse_duration", "recipe_dataset", "settings_class"]


class RecipeDataset(BaseModel):
    """Table ``[dataset]`` of a recipe: enough to build its model and to estimate its cost without photos."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="as `read` names it, such as cub200_2011")
    classes: int = Field(ge=2, description="number of classes")
    photos: int = Field(ge=2, description="photos to learn from; val is carved from them")


def parse_duration(text: str) -> float:
    """Return the seconds in a duration such as ``90``, ``90s``, ``10m`` or ``1h30m``.

    Raises:
        SettingError: The text is not a duration.
    """
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    if not match or not any(match.groups()):
        raise SettingError(f"a duration looks like 90s, 10m or 1h30m, but got '{text}'")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


_OLD_NAMES = {"confidence": "target_accuracy"}


def settings_class(method: str) -> type[FitSettings]:
    """Return the settings of a method.

    Raises:
        SettingError: There is no such method.
    """
    return METHODS.load(method).Settings


def build_settings(
    method: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    recipe: Path | None = None,
    overrides: Sequence[str] = (),
) -> FitSettings:
    """Build settings from a recipe, then options, then ``key=value`` overrides; later ones win.

    Args:
        method: ``auto`` where neither this nor the recipe names one.
        options: Values by name; None means not given.
        recipe: TOML file with the names of the settings as keys, and optionally a table ``[dataset]``.
        overrides: From ``--set``.

    Raises:
        SettingError: A method or setting is unknown, or a value does not fit.
    """
    values: dict[str, Any] = _recipe_settings(recipe) if recipe else {}
    values |= {key: value for key, value in (options or {}).items() if value is not None}
    texts = dict(_split_override(text) for text in overrides)
    chosen = str(method or texts.get("method") or values.get("method", "auto"))
    model = settings_class(chosen)
    values |= {key: _split_list(model, key, value) for key, value in texts.items()}
    if isinstance(values.get("budget"), str):
        values["budget"] = parse_duration(values["budget"])
    values = {_OLD_NAMES.get(key, key): value for key, value in values.items()}
    for key in values:
        if key in ("devices", "nodes") and key not in model.model_fields:
            raise SettingError(
                f"--{key} trains a network in several processes, but '{chosen}' keeps it frozen: leave it out, or "
                "choose a method that trains one, such as fine_tune"
            )
        if key == "crop" and key not in model.model_fields:
            raise SettingError(
                f"crop=box is for methods that keep the backbone frozen, such as linear_probe; '{chosen}' does not: "
                "write the boxes as photos of their own with 'fieldmark crop DATA --out CROPS', and fit those"
            )
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
    """Return the data set that a recipe was written for; None where it names none.

    Raises:
        SettingError: The file is not a recipe, or its table ``[dataset]`` does not hold name, classes and photos.
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
    """Read the settings of a recipe. TOML has no null: the text "none" stands for it, as in ``--set``."""
    recipe_dataset(path)
    values = {name: value for name, value in _read_recipe(path).items() if name != "dataset"}
    return {name: None if value == "none" else value for name, value in values.items()}


def _read_recipe(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SettingError(f"the recipe {path} is not a file: give a TOML file with settings")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"the recipe {path} is not valid TOML: {error}") from None


def _split_override(text: str) -> tuple[str, str | None]:
    key, found, value = text.partition("=")
    if not found or not key.strip():
        raise SettingError(f"--set takes key=value, but got '{text}'")
    return key.strip(), None if value.strip().lower() == "none" else value.strip()


def _split_list(model: type[FitSettings], key: str, value: str | None) -> Any:
    """Split ``a,b`` where the setting holds several values."""
    field = model.model_fields.get(key)
    if value is None or field is None:
        return value
    several = any(get_origin(each) is tuple for each in (field.annotation, *get_args(field.annotation)))
    return tuple(part.strip() for part in value.split(",")) if several else value


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
