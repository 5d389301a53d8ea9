"""Build a method by its name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from fieldmark.backbones.factory import create_backbone
from fieldmark.errors import SettingError
from fieldmark.methods import METHODS
from fieldmark.methods.base import Method
from fieldmark.methods.settings_base import FitSettings, GradientSettings

__all__ = ["build_method", "method_class", "method_options"]


def method_class(name: str) -> type[Method]:
    """Return the module class of a method.

    Raises:
        SettingError: There is no such method, or it has no module of its own.
    """
    found = METHODS.load(name)
    if not issubclass(found, Method):
        raise SettingError(f"the method '{name}' joins trained models and has no network of its own: name another one")
    return found


def method_options(settings: FitSettings) -> dict[str, Any]:
    """Return the settings that the constructor of the method takes, as JSON values by name.

    Raises:
        SettingError: The method has a setting of its own that its constructor does not take.
    """
    taken = _options(method_class(settings.method))
    if isinstance(settings, GradientSettings):
        own = type(settings).model_fields.keys() - GradientSettings.model_fields.keys()
        for name in sorted(own - taken):
            raise SettingError(
                f"the method '{settings.method}' has the setting '{name}', which its constructor does not take: add it "
                "to __init__"
            )
    return settings.model_dump(mode="json", include=taken)


def build_method(
    name: str,
    num_classes: int,
    options: Mapping[str, Any],
    image_size: int | None = None,
    *,
    pretrained: bool = False,
    weights: Any = None,
) -> Method:
    """Build a method by its name.

    Args:
        name: In `METHODS`.
        num_classes: K.
        options: ``backbone`` and the options of the method's constructor; its settings give those that are missing.
        image_size: Only for backbones whose weights depend on it.
        pretrained: Load the backbones' ImageNet weights; not needed where a state dict follows.
        weights: A file with the first backbone's weights instead.

    Raises:
        SettingError: There is no such method or backbone.
    """
    method = method_class(name)
    fields = method.Settings.model_fields
    values = {key: fields[key].get_default() for key in _options(method) & fields.keys()}
    values |= {key: value for key, value in options.items() if key != "backbone"}
    backbone = create_backbone(options.get("backbone"), image_size=image_size, pretrained=pretrained, weights=weights)
    for key in method.backbone_options:
        if values[key]:
            size = image_size or backbone.native_size
            values[key] = create_backbone(values[key], image_size=size, pretrained=pretrained)
    return method(backbone, num_classes, **values)


def _options(method: type[Method]) -> set[str]:
    """Return the names of the constructor's arguments after backbone and number of classes."""
    return set(list(inspect.signature(method).parameters)[2:])
