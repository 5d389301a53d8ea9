"""Attention after the backbone: it starts as the plain method and says where it looks."""

from __future__ import annotations

import pytest
import torch

from fieldmark.errors import SettingError
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method


def attention(**options: object) -> Method:
    return build_method("cbam", 7, {"backbone": "test_resnet", **options}, 64).eval()


@pytest.mark.parametrize("kind", ["cbam", "se"])
def test_attention_starts_as_the_identity(kind: str) -> None:
    method = attention(attention=kind)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        plain = method.backbone(images).mean((2, 3))
        torch.testing.assert_close(method(images).embedding, plain)


def test_attention_maps_lie_on_the_grid_of_the_feature_map() -> None:
    output = attention()(torch.rand(2, 3, 64, 64))
    assert output.feature_map is not None
    assert output.attention_maps is not None
    assert output.attention_maps.shape == (2, 1, *output.feature_map.shape[2:])


def test_channel_attention_has_no_map() -> None:
    assert attention(attention="se")(torch.rand(2, 3, 64, 64)).attention_maps is None


def test_all_layers_learn_from_the_start() -> None:
    (stage,) = attention().stages()
    assert stage.freeze is None


def test_an_unknown_attention() -> None:
    with pytest.raises(SettingError) as raised:
        attention(attention="sea")
    assert str(raised.value) == "unknown attention 'sea': did you mean 'se'? (known: cbam, se)"
