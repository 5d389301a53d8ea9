"""Batch norm where several processes share a batch: synchronized on GPUs, and a sentence on the CPU."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from fieldmark.backbones.factory import create_backbone
from fieldmark.methods.fine_tune import FineTune
from fieldmark.methods.isqrt_cov import ISqrtCov
from fieldmark.training.gradient.batch_statistics import (
    share_batch_statistics,
    shares_batch_statistics,
    trained_batch_norms,
)
from fieldmark.training.gradient.processes import _say_own_statistics


def fine_tune() -> FineTune:
    return FineTune(create_backbone("test_efficientnet", image_size=32, pretrained=False), 3)


def test_gpus_share_statistics_and_nothing_else_changes() -> None:
    torch.manual_seed(0)
    method, images = fine_tune().eval(), torch.rand(2, 3, 32, 32)
    before, names = method(images).logits, list(method.state_dict())
    norms = sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in method.modules())
    assert not share_batch_statistics(method, "cpu")
    assert not shares_batch_statistics(method)
    assert share_batch_statistics(method, "cuda")
    assert shares_batch_statistics(method)
    assert sum(isinstance(module, nn.SyncBatchNorm) for module in method.modules()) == norms > 0
    assert list(method.state_dict()) == names
    torch.testing.assert_close(method.eval()(images).logits, before)


def test_the_cpu_says_whose_statistics_batch_norm_uses(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fieldmark")
    logging.getLogger("fieldmark").propagate = True
    whole = fine_tune()
    backbone = create_backbone("test_efficientnet", image_size=32, pretrained=False)
    reduced = ISqrtCov(backbone, 3, projected=8, iterations=3, start="random")
    assert trained_batch_norms(whole, frozen_batchnorm=False)
    assert not trained_batch_norms(whole, frozen_batchnorm=True)
    assert trained_batch_norms(reduced, frozen_batchnorm=True)  # that of the head
    for method, frozen in ((whole, True), (whole, False), (reduced, True)):
        _say_own_statistics(method, frozen_batchnorm=frozen)
    sentence = "  batch norm uses the statistics of each process's own photos, since PyTorch shares them on GPUs only"
    assert caplog.messages == [
        f"{sentence}; with --set frozen_batchnorm=true the weights equal those of one process",
        sentence,
    ]
