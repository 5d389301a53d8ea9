"""Licences of pretrained weights, which differ from the licence of the code that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fieldmark.backbones.factory import resolve_name
from fieldmark.backbones.map_choice import parse_map_choice

__all__ = ["weights_licences"]

UNKNOWN = "unknown"


def weights_licences(options: Mapping[str, Any], weights: Path | None = None) -> dict[str, str]:
    """Return the licence of the pretrained weights of each backbone of a method, by timm's name of the backbone.

    Args:
        options: Options that build the method; ``backbone`` and any other whose name ends so are backbones.
        weights: A file that the first backbone's weights were read from instead: its licence is unknown.
    """
    named = {key: value for key, value in options.items() if key.endswith("backbone") and isinstance(value, str)}
    found = {}
    for key, value in named.items():
        name = parse_map_choice(resolve_name(value)).name
        found[name] = UNKNOWN if weights is not None and key == "backbone" else _licence(name)
    return found


def _licence(name: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(name)
    return str(config.license or UNKNOWN) if config else UNKNOWN
