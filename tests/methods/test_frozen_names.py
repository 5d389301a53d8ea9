"""Models that were made before must load: constructor options and the names and shapes of weights never change."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from fieldmark.methods import METHODS
from fieldmark.methods.build import build_method, method_class

LISTING = json.loads(Path(__file__).with_name("state_dicts.json").read_text(encoding="utf-8"))
"""Method -> its options and, with 5 classes on timm's test_efficientnet, weight -> shape, as of version 0.1.0."""


@pytest.mark.parametrize("name", LISTING)
def test_weights_keep_their_names_and_shapes(name: str) -> None:
    assert name in METHODS
    options = {"backbone": LISTING[name].get("backbone", "test_efficientnet"), **LISTING[name]["options"]}
    method = build_method(name, 5, options, 64)
    found = {key: list(value.shape) for key, value in method.state_dict().items()}
    backbone = {key: shape for key, shape in found.items() if key.startswith("backbone.")}
    assert list(backbone) == [f"backbone.{key}" for key in method.backbone.state_dict()]
    assert {key: shape for key, shape in found.items() if key not in backbone} == LISTING[name]["weights"]


@pytest.mark.parametrize("name", LISTING)
def test_constructors_keep_their_options(name: str) -> None:
    assert set(LISTING[name]["options"]) <= set(inspect.signature(method_class(name)).parameters)
