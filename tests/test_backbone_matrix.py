"""Every method on every kind of backbone takes a step, answers, explains and exports, or says in one sentence why not.

The large networks take minutes. They run with FIELDMARK_SLOW=1; otherwise every method meets a small relative of each
kind, without the export, which `tests/methods/test_contract.py` tests.
"""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
import torch

from fieldmark.backbones.onnx_export import Normalize, export_graph
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.errors import SettingError
from fieldmark.explain.local_evidence import logit_evidence
from fieldmark.methods import METHODS
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method, method_options
from fieldmark.training.method_graph import NamedOutputs

LARGE = {
    "resnet50": 64,
    "vgg16": 64,
    "inception_v3": 160,  # its crops, half as wide, must have 75 pixels
    "convnext_tiny": 64,
    "vit_tiny_patch16_224": 64,
    "swin_tiny_patch4_window7_224": 64,
}
SMALL = {"test_resnet": 64, "test_convnext": 64, "test_vit": 64}
"""Backbone -> side of the images."""

NETWORKS = [name for name in METHODS if not METHODS.load(name).needs_models]
TRANSFORMERS = ("vit_tiny_patch16_224", "test_vit")
slow = pytest.mark.skipif(not os.environ.get("FIELDMARK_SLOW"), reason="takes minutes: set FIELDMARK_SLOW=1")


def built(method: str, backbone: str, size: int) -> Method | None:
    """The method with random weights, or None where it says in one sentence that the backbone does not suit it."""
    torch.set_num_threads(1)
    options = {"backbone": backbone, **method_options(METHODS.load(method).Settings())}
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        if method != "transfg" or backbone in TRANSFORMERS:
            return build_method(method, 3, options, size)
        with pytest.raises(SettingError) as raised:
            build_method(method, 3, options, size)
    assert re.fullmatch(r"transfg needs a vision transformer[^.]*\.[a-z0-9_]+", str(raised.value))
    return None


def step_answer_explain(method: Method, size: int) -> None:
    for module in method.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the statistics of this step, so that values of a random network do not explode
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    loss = method.loss(method.train()(images), torch.tensor([0, 1]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert any(parameter.grad is not None for parameter in method.backbone.parameters())
    method.zero_grad()
    method.eval()
    with torch.no_grad():
        assert torch.isfinite(method(images).logits).all()
    evidence = logit_evidence(method, images[:1], [0, 1])
    assert evidence.patches
    assert all(np.isfinite(patch.values).all() for patch in evidence.patches)


def exports(method: Method, size: int) -> None:
    preprocess = method.backbone.preprocess(size)
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = method(Normalize(preprocess)(torch.from_numpy(pixels))).logits
    runner = OnnxRunner(export_graph(NamedOutputs(method), preprocess, ["logits", "embedding"]))
    for count in (2, 1):
        np.testing.assert_allclose(runner.run(pixels[:count])["logits"], expected[:count], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("backbone", SMALL)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_method_on_a_small_relative(name: str, backbone: str) -> None:
    method = built(name, backbone, SMALL[backbone])
    if method is not None:
        step_answer_explain(method, SMALL[backbone])


@slow
@pytest.mark.parametrize("backbone", LARGE)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_method_on_every_backbone(name: str, backbone: str) -> None:
    method = built(name, backbone, LARGE[backbone])
    if method is not None:
        step_answer_explain(method, LARGE[backbone])
        exports(method, LARGE[backbone])
