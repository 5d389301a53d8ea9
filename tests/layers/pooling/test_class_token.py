"""The class token of a vision transformer as a pooling of its own, beside the mean of the patches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.onnx_export import Normalize, export_graph
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.errors import SettingError
from fieldmark.explain.local_evidence import logit_evidence
from fieldmark.layers.pooling.descriptors import DescriptorPool
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method
from fieldmark.training.method_graph import NamedOutputs

SIZE = 96


@pytest.fixture(scope="module")
def method() -> Method:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        built = build_method("linear_probe", 3, {"backbone": "test_vit", "poolings": ["cls", "avg"]}, SIZE)
        torch.nn.init.normal_(built.head.weight)
    return built.eval()


def images(count: int) -> torch.Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_embedding_joins_the_class_token_and_the_mean_of_the_patches(method: Method) -> None:
    tokens = method.backbone.model.forward_features(images(2))  # normalised, the class token first
    expected = torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1)
    torch.testing.assert_close(method(images(2)).embedding, expected)


@torch.no_grad()
def test_the_maps_are_those_without_the_class_token(method: Method) -> None:
    local, final, token = method.backbone.maps_with_class_token(images(1))
    assert token is not None
    assert torch.equal(final, method.backbone(images(1)))
    assert torch.equal(local, final)


def test_a_backbone_without_a_class_token_says_so() -> None:
    for name in ("test_resnet", "test_vit@blocks.0"):
        backbone = create_backbone(name, image_size=SIZE, pretrained=False)
        assert backbone.maps_with_class_token(images(1))[2] is None
        with pytest.raises(SettingError) as raised:
            DescriptorPool(backbone, ["cls", "avg"])
        assert str(raised.value) == (
            f"the pooling 'cls' needs the class token of a vision transformer, but '{backbone.name}' gives none; "
            "choose avg, or a backbone such as vit_small_patch14_dinov2"
        )


def test_evidence_shows_the_part_of_the_patches_and_says_what_is_missing(method: Method) -> None:
    evidence = logit_evidence(method, images(1), [0])
    (patch,) = evidence.patches
    with torch.no_grad():
        features = method.local_features(images(1))
        written = method.class_evidence(features, torch.tensor([0]))
        width = features.maps[0].features.shape[1]
        mean = features.maps[0].features.mean((2, 3))[0] @ method.head.weight[0, width:]
    np.testing.assert_allclose(patch.values[0], written[0].numpy(), atol=1e-4)
    assert patch.values[0].sum() == pytest.approx(float(mean), rel=1e-3)
    assert "class token: it belongs to no place" in method.evidence_note


def test_the_exported_graph_gives_the_same_logits(method: Method) -> None:
    preprocess = method.backbone.preprocess(SIZE)
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = method(Normalize(preprocess)(torch.from_numpy(pixels))).logits
    runner = OnnxRunner(export_graph(NamedOutputs(method), preprocess, ["logits", "embedding"]))
    np.testing.assert_allclose(runner.run(pixels)["logits"], expected, rtol=1e-3, atol=1e-3)
