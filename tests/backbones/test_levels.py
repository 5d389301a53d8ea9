"""Maps of the last stages: their channels, and the narrow map as the last one."""

from __future__ import annotations

import pytest
import torch

from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.levels import feature_levels, level_channels
from fieldmark.errors import SettingError


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_convnext", "test_vit"])
@pytest.mark.parametrize("count", [1, 3])
def test_levels_have_the_reported_channels(name: str, count: int) -> None:
    backbone = create_backbone(name, image_size=64, pretrained=False).eval()
    with torch.no_grad():
        levels = feature_levels(backbone, torch.rand(2, 3, 64, 64), count)
    assert [level.shape[1] for level in levels] == level_channels(backbone, count)
    sides = [level.shape[2] for level in levels]
    assert sides == sorted(sides, reverse=True)


@pytest.mark.parametrize(
    "name", ["test_efficientnet", "test_resnet", "test_vit", "test_convnext", "swin_tiny_patch4_window7_224"]
)
@torch.no_grad()
def test_the_last_level_is_the_narrow_map_with_the_final_norm(name: str) -> None:
    backbone = create_backbone(name, image_size=64, pretrained=False).eval()
    for module in backbone.modules():
        if isinstance(module, torch.nn.LayerNorm):  # as pretrained: neither one nor zero
            module.weight.uniform_(0.5, 2)
            module.bias.normal_()
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(feature_levels(backbone, images, 2)[-1], backbone.maps(images)[0])


@torch.no_grad()
def test_every_level_of_a_vision_transformer_has_the_final_norm() -> None:
    backbone = create_backbone("test_vit", image_size=64, pretrained=False).eval()
    torch.nn.init.constant_(backbone.model.norm.bias, 3.0)
    for level in feature_levels(backbone, torch.rand(1, 3, 64, 64), 3):
        torch.testing.assert_close(level.mean(1), torch.full((1, 4, 4), 3.0))


def test_too_many_levels_are_an_error() -> None:
    backbone = create_backbone("test_resnet", pretrained=False)
    with pytest.raises(SettingError) as raised:
        level_channels(backbone, 9)
    assert str(raised.value) == (
        "the backbone 'test_resnet' has maps of 5 stages, but 9 levels are needed: set fewer levels or choose another "
        "backbone"
    )
