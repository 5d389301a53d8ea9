"""Every timm family has a feature map, and stages that contain each parameter once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fieldmark.backbones.factory import Backbone, create_backbone, resolve_name
from fieldmark.errors import SettingError

FAMILIES = {
    "resnet18": (64, (512, 2)),
    "vit_tiny_patch16_224": (96, (192, 6)),
    "swin_tiny_patch4_window7_224": (224, (768, 7)),
    "convnext_atto": (64, (320, 2)),
    "vgg11_bn": (64, (512, 2)),
    "mobilenetv3_small_050": (64, (288, 2)),
    "tf_efficientnet_lite0": (64, (1280, 2)),
}
"""Name -> (image size, (channels, side of the feature map)); one convolution, one window, one token network each."""


@pytest.fixture(scope="module")
def networks() -> dict[str, Backbone]:
    return {
        name: create_backbone(name, image_size=size, pretrained=False).eval() for name, (size, _) in FAMILIES.items()
    }


@pytest.mark.parametrize("name", FAMILIES)
def test_feature_maps(networks: dict[str, Backbone], name: str) -> None:
    backbone, (size, (channels, side)) = networks[name], FAMILIES[name]
    with torch.no_grad():
        local, final = backbone.maps(torch.rand(2, 3, size, size))
    assert final.shape == (2, channels, side, side)
    assert backbone.channels == channels
    assert local.shape == (2, backbone.local_channels, side, side)
    assert backbone.reduction * side == size


@pytest.mark.parametrize("name", FAMILIES)
def test_stages_hold_every_parameter_once(networks: dict[str, Backbone], name: str) -> None:
    backbone = networks[name]
    staged = [id(parameter) for parameters in backbone.stages.values() for parameter in parameters]
    assert len(staged) == len(set(staged))
    assert set(staged) == {id(parameter) for parameter in backbone.parameters()}
    assert next(iter(backbone.stages)) == "stem"


@pytest.mark.parametrize("name", FAMILIES)
def test_stages_are_in_the_order_of_the_forward_pass(networks: dict[str, Backbone], name: str) -> None:
    """Parameters up to the frozen stage get no gradient; later ones do."""
    backbone = networks[name]
    names = list(backbone.stages)
    backbone.freeze(names[1])
    frozen = [parameter for parameter in backbone.parameters() if not parameter.requires_grad]
    assert {id(p) for p in frozen} == {id(p) for stage in names[:2] for p in backbone.stages[stage]}
    backbone.freeze(None)
    assert all(parameter.requires_grad for parameter in backbone.parameters())
    backbone.freeze("all")
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    backbone.freeze(None)


def test_the_classifier_is_removed() -> None:
    """An unused ImageNet head would be saved with every model: 100 MB for a VGG."""
    for name in ("tf_efficientnet_lite0", "resnet18", "vgg11_bn"):
        shapes = [parameter.shape for parameter in create_backbone(name, image_size=64, pretrained=False).parameters()]
        assert not any(1000 in shape or 4096 in shape for shape in shapes), name


def test_freezing_up_to_an_unknown_stage(networks: dict[str, Backbone]) -> None:
    with pytest.raises(SettingError) as raised:
        networks["resnet18"].freeze("stage44")
    assert str(raised.value) == (
        "unknown stage 'stage44': did you mean 'stage4'? (known: all, stage1, stage2, stage3, stage4, stem)"
    )


def test_an_unknown_backbone() -> None:
    with pytest.raises(SettingError, match=r"^unknown backbone 'resnet51': did you mean 'resnet\w+'\? \(\d+ are known"):
        create_backbone("resnet51")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        (None, "tf_efficientnet_lite0"),
        ("lite0", "tf_efficientnet_lite0"),
        ("efficientnet_lite2", "tf_efficientnet_lite2"),
        ("resnet50.a1_in1k", "resnet50.a1_in1k"),
    ],
)
def test_names_and_short_names(name: str | None, full: str) -> None:
    assert resolve_name(name) == full


def test_an_unsupported_image_size_is_an_error() -> None:
    with pytest.raises(SettingError, match=r"^backbone 'mixer_s32_224' cannot read images of 96 pixels"):
        create_backbone("mixer_s32_224", image_size=96, pretrained=False)


def test_weights_from_a_file(tmp_path: Path) -> None:
    import timm
    from safetensors.torch import save_file

    source = timm.create_model("mobilenetv3_small_050")
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    backbone = create_backbone("mobilenetv3_small_050", weights=tmp_path / "weights.safetensors")
    assert torch.equal(backbone.model.conv_stem.weight, source.conv_stem.weight)  # type: ignore[union-attr]


def test_a_missing_file_with_weights(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^the weights of backbone 'resnet18' could not be loaded \("):
        create_backbone("resnet18", weights=tmp_path / "none.pth")


def test_preprocessing_is_that_of_the_weights(networks: dict[str, Backbone]) -> None:
    lite, resnet = networks["tf_efficientnet_lite0"], networks["resnet18"]
    assert (lite.preprocess().image_size, lite.preprocess().mean) == (224, (0.5, 0.5, 0.5))
    assert resnet.preprocess(96, "pad").mean == (0.485, 0.456, 0.406)
    assert (resnet.preprocess(96, "pad").image_size, resnet.preprocess(96, "pad").resize) == (96, "pad")
