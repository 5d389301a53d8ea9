"""``NAME@LAYER`` and ``NAME@STEP``: which map is read, what is cut off, and the published maps of each recipe."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fieldmark.backbones.factory import Backbone, create_backbone, resolve_name
from fieldmark.backbones.levels import feature_levels, level_channels
from fieldmark.backbones.map_choice import MapChoice, parse_map_choice
from fieldmark.errors import SettingError


def built(name: str, size: int = 96) -> Backbone:
    torch.manual_seed(0)
    return create_backbone(name, image_size=size, pretrained=False).eval()


def images(size: int = 96) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_names_with_maps() -> None:
    assert parse_map_choice("vgg16.tv_in1k") == MapChoice("vgg16.tv_in1k")
    assert parse_map_choice("vgg16.tv_in1k@16") == MapChoice("vgg16.tv_in1k", step=16)
    assert parse_map_choice("vgg16@features.25, features.29") == MapChoice("vgg16", ("features.25", "features.29"))
    assert resolve_name("lite0@16") == "tf_efficientnet_lite0@16"
    assert resolve_name("vgg16@features.25, features.29") == "vgg16@features.25,features.29"
    for text in ("vgg16@", "@16", "vgg16@a,,b"):
        with pytest.raises(SettingError) as raised:
            parse_map_choice(text)
        assert str(raised.value) == (
            f"the backbone '{text}' names no map: write NAME@LAYER, such as vgg16@features.29, or NAME@STEP, such as "
            "resnet50@16"
        )


@torch.no_grad()
def test_a_layer_is_read_and_later_stages_are_removed() -> None:
    whole, cut = built("test_resnet"), built("test_resnet@layer3")
    cut.load_state_dict(whole.state_dict(), strict=False)
    level = feature_levels(whole, images(), 2)[0]
    torch.testing.assert_close(cut(images()), level)
    assert (cut.channels, cut.reduction) == (level.shape[1], 96 // level.shape[2])
    assert not any(key.startswith("model.layer4") for key in cut.state_dict())


@torch.no_grad()
def test_a_block_inside_a_stage() -> None:
    whole, cut = built("test_efficientnet"), built("test_efficientnet@blocks.3.0")
    cut.load_state_dict(whole.state_dict(), strict=False)
    model = whole.model
    expected = model.blocks[3][0](model.blocks[:3](model.bn1(model.conv_stem(images()))))
    torch.testing.assert_close(cut(images()), expected)
    assert not any(key.startswith("model.blocks.4") for key in cut.state_dict())


@torch.no_grad()
def test_several_layers_are_the_levels() -> None:
    whole = built("vgg11", 64)
    cut = built("vgg11@features.12,features.14", 64)
    assert level_channels(cut, 2) == [512, 512]
    cut.load_state_dict(whole.state_dict(), strict=False)
    x = images(64)
    for index, layer in enumerate(whole.model.features):
        x = layer(x)
        if index in (12, 14):
            torch.testing.assert_close(feature_levels(cut, images(64), 2)[(12, 14).index(index)], x)
    with pytest.raises(SettingError) as raised:
        level_channels(cut, 3)
    assert str(raised.value) == (
        "the backbone 'vgg11@features.12,features.14' names 2 layers, but 3 levels are needed: name more layers or set "
        "fewer levels"
    )


@pytest.mark.parametrize(
    ("name", "channels", "grid"),
    [
        ("test_resnet@16", None, 6),  # dilated: all stages stay
        ("test_efficientnet@16", None, 6),
        ("test_efficientnet@8", None, 12),
        ("test_vit@16", 64, 6),
        ("swin_tiny_patch4_window7_224@16", 384, 6),
        ("vgg11@16", 512, 6),
        ("inception_v3@16", 768, 4),
        ("test_convnext@8", None, 12),
    ],
)
def test_a_step_in_pixels(name: str, channels: int | None, grid: int) -> None:
    backbone = built(name)
    with torch.no_grad():
        found = backbone(images())
    assert found.shape[2:] == (grid, grid)
    assert channels in (None, found.shape[1])
    if channels is None:
        assert found.shape[1] == built(name.split("@")[0]).channels


def test_a_step_or_layer_that_is_not_there() -> None:
    with pytest.raises(SettingError) as raised:
        built("vgg11@5")
    assert str(raised.value) == (
        "backbone 'vgg11' has no map with a step of 5 pixels: choose 1, 2, 4, 8, 16, 32, or another backbone"
    )
    with pytest.raises(SettingError, match=r"^unknown layer of test_resnet 'layer9': did you mean 'layer"):
        built("test_resnet@layer9")


def test_another_map_is_another_module() -> None:
    """The cache of frozen features tells modules apart by their text and weights."""
    assert str(built("vgg11@features.12,features.14", 64)) != str(built("vgg11@features.14", 64))
