"""The frozen stages on their own, then the rest: together they give what the whole backbone gives."""

from __future__ import annotations

import pytest
import torch

from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.frozen_prefix import FrozenPrefix
from fieldmark.backbones.runners.choose_runner import module_runner
from fieldmark.errors import SettingError


@pytest.mark.parametrize(
    ("name", "freeze", "shape"),
    [
        ("tf_efficientnet_lite0", "stem", (32, 32, 32)),
        ("tf_efficientnet_lite0", "stage5", (112, 4, 4)),
        ("resnet18", "stem", (64, 32, 32)),
        ("resnet18", "stage2", (128, 8, 8)),
        ("convnext_atto", "stage1", (40, 16, 16)),
    ],
)
def test_prefix_and_rest_give_the_maps_of_the_whole(name: str, freeze: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    backbone = create_backbone(name, pretrained=False).eval()
    backbone.freeze(freeze)
    prefix = FrozenPrefix(backbone, 64)
    assert prefix.shape == shape
    images = torch.randn(2, 3, 64, 64)
    keys = list(backbone.state_dict())
    with torch.no_grad():
        expected = backbone(images)
        given = prefix(images)["map"]
        with prefix.skipped():
            assert list(backbone.state_dict()) == keys
            torch.testing.assert_close(backbone(given), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(backbone(images), expected)


def test_the_exported_prefix_gives_the_same_maps_without_the_rest() -> None:
    torch.manual_seed(0)
    backbone = create_backbone("tf_efficientnet_lite0", pretrained=False).eval()
    backbone.freeze("stage2")
    prefix = FrozenPrefix(backbone, 64)
    preprocess = backbone.preprocess(64)
    runner = module_runner(prefix, preprocess, ["map"], "cpu")
    photos = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(values)[:, None, None] for values in (preprocess.mean, preprocess.std))
    with torch.no_grad():
        expected = prefix((photos.permute(0, 3, 1, 2) / 255 - mean) / std)["map"]
    torch.testing.assert_close(torch.from_numpy(runner.run(photos.numpy())["map"]), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("freeze", "which"), [(None, "none"), ("all", "all")])
def test_it_needs_a_cut(freeze: str | None, which: str) -> None:
    backbone = create_backbone("resnet18", pretrained=False)
    backbone.freeze(freeze)
    text = (
        f"cached_views needs frozen first stages, but {which} of backbone 'resnet18' are frozen: choose freeze out of"
    )
    with pytest.raises(SettingError, match=text):
        FrozenPrefix(backbone, 64)


def test_a_vision_transformer_is_refused() -> None:
    """It adds its position embedding to whatever comes in."""
    backbone = create_backbone("vit_tiny_patch16_224", image_size=64, pretrained=False)
    backbone.freeze("stage3")
    with pytest.raises(
        SettingError, match=r"cannot be computed on their own: leave cached_views out, or choose a conv"
    ):
        FrozenPrefix(backbone, 64)
