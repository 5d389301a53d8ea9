"""The quadruple: which stream sees which image, what trains when, which options go together."""

from __future__ import annotations

import pytest
import torch

from fieldmark.backbones.factory import create_backbone
from fieldmark.errors import SettingError
from fieldmark.layers.pooling.bilinear import bilinear_pool, power_normalize
from fieldmark.methods.bilinear_cnn import BilinearCNN
from fieldmark.methods.build import build_method, method_options
from fieldmark.recipe import build_settings
from fieldmark.training.gradient.optim import build_optimizer


def two_streams(**options: object) -> BilinearCNN:
    method = build_method(
        "bilinear_cnn", 7, {"backbone": "test_efficientnet", "second_backbone": "test_resnet", **options}, 64
    )
    assert isinstance(method, BilinearCNN)
    return method.eval()


def test_without_a_second_backbone_both_streams_are_one() -> None:
    method = build_method("bilinear_cnn", 7, {"backbone": "test_efficientnet"}, 64)
    assert isinstance(method, BilinearCNN)
    a, b = method.streams(torch.rand(1, 3, 64, 64))
    assert a is b
    assert len(method.backbones) == 1


def test_the_second_backbone_sees_images_normalised_its_own_way() -> None:
    method = two_streams(projected=None)
    second = method.second_backbone
    assert second is not None
    first_preprocess, second_preprocess = method.backbone.preprocess(64), second.preprocess(64)
    assert first_preprocess.mean != second_preprocess.mean
    pixels = torch.rand(2, 3, 64, 64)
    first, other = (
        (pixels - torch.tensor(p.mean)[:, None, None]) / torch.tensor(p.std)[:, None, None]
        for p in (first_preprocess, second_preprocess)
    )
    with torch.no_grad():
        a, b = method.streams(first)
        torch.testing.assert_close(a, method.backbone.maps(first)[0])
        torch.testing.assert_close(b, second.maps(other)[0], rtol=1e-4, atol=1e-5)


def test_the_descriptor_is_that_of_the_paper() -> None:
    method = two_streams(projected=None)
    assert method.second_backbone is not None
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        output = method(images)
        a, b = method.streams(images)
        assert a.shape[2:] == b.shape[2:]
        torch.testing.assert_close(output.embedding, power_normalize(bilinear_pool(a, b).flatten(1)))
    length = method.backbone.local_channels * method.second_backbone.local_channels
    assert output.embedding.shape == (2, length)


def test_the_reduction_begins_as_a_rotation() -> None:
    method = two_streams(projected=8)
    weight = method.reduce_a.weight[:, :, 0, 0]  # type: ignore[index,union-attr]
    torch.testing.assert_close(weight @ weight.T, torch.eye(8))  # type: ignore[operator,union-attr]


def test_only_the_classifier_trains_first_at_a_high_learning_rate() -> None:
    method = two_streams()
    alone, together = method.stages()
    settings = BilinearCNN.Settings(lr=0.01, head_lr_scale=3.0, layer_decay=1.0)
    for backbone in method.backbones:
        backbone.freeze(alone.freeze)
    optimizer = build_optimizer(method, settings, alone.lr_scale, alone.head_lr_scale)
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert trained == {id(parameter) for parameter in method.head_parameters()}
    assert {group["lr"] for group in optimizer.param_groups} == {0.01 * 3.0 * alone.head_lr_scale}
    assert alone.head_lr_scale > 1

    for backbone in method.backbones:
        backbone.freeze(together.freeze)
    optimizer = build_optimizer(method, settings, together.lr_scale, together.head_lr_scale)
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert set(rates) == {id(parameter) for parameter in method.parameters()}
    head = {id(parameter) for parameter in method.head_parameters()}
    assert all(rate == pytest.approx(0.03 if key in head else 0.01) for key, rate in rates.items())


@pytest.mark.parametrize("options", [{"second_backbone": "test_resnet"}, {"fusion": "sum"}])
def test_only_a_map_with_itself_has_a_matrix_root(options: dict[str, str]) -> None:
    with pytest.raises(SettingError) as raised:
        build_method("bilinear_cnn", 7, {"backbone": "test_efficientnet", "matrix_root": True, **options}, 64)
    assert str(raised.value) == (
        "matrix_root needs fusion=bilinear and no second_backbone, since only a matrix of a map with itself has a "
        "square root: change one of them"
    )


def test_none_as_text_turns_the_reduction_off() -> None:
    settings = build_settings("bilinear_cnn", overrides=["projected=none", "second_backbone=lite2"])
    assert isinstance(settings, BilinearCNN.Settings)
    assert method_options(settings) == {
        "second_backbone": "lite2",
        "fusion": "bilinear",
        "projected": None,
        "matrix_root": False,
    }


def test_an_unknown_second_backbone() -> None:
    with pytest.raises(SettingError, match="unknown backbone 'resnet51': did you mean"):
        two_streams(second_backbone="resnet51")


def test_a_third_party_backbone_may_be_given_as_it_is() -> None:
    first, second = (create_backbone("test_resnet", pretrained=False) for _ in range(2))
    options = method_options(BilinearCNN.Settings()) | {"second_backbone": second}
    assert BilinearCNN(first, 3, **options).eval()(torch.rand(1, 3, 64, 64)).logits.shape == (1, 3)
