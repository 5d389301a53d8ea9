"""A linear head starts as the regression on what it reads, whatever the method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from fieldmark.backbones.factory import create_backbone
from fieldmark.data.read import read
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method, method_options
from fieldmark.methods.cbam import AttentionMethod
from fieldmark.methods.hierarchical_bilinear import HierarchicalBilinear
from fieldmark.methods.isqrt_cov import ISqrtCov
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.methods.ws_dan import WSDAN
from fieldmark.training.gradient.head_start import start_head
from fieldmark.training.gradient.loop import train_method

SIDE = 64


def build(cls: type[Method], **options: object) -> Method:
    torch.manual_seed(0)
    options = method_options(cls.Settings()) | options
    return cls(create_backbone("test_efficientnet", image_size=SIDE, pretrained=False), 3, **options).eval()


def batches() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    tint = torch.randn(24, 3, 1, 1, generator=generator)
    images = tint + 0.3 * torch.randn(24, 3, SIDE, SIDE, generator=generator)
    labels = tint.flatten(1).argmax(1)
    return [(images[:10], labels[:10]), (images[10:20], labels[10:20]), (images[20:], labels[20:])]


@pytest.mark.parametrize("cls", [ISqrtCov, WSDAN])
def test_the_head_answers_as_scikit_learns_regression_on_the_same_rows(cls: type[Method]) -> None:
    method = build(cls)
    start_head(method, lambda: iter(batches()), 24, 1.0)
    images = torch.cat([both for images, _ in batches() for both in (images, images.flip(3))])
    labels = torch.cat([labels.repeat(2) for _, labels in batches()]).numpy()
    with torch.no_grad():
        output = method(images)
        rows = method.head_rows(output).double().numpy()
    rows -= rows.mean(0)
    rows /= np.sqrt(np.square(rows).sum(1).mean())
    oracle = LogisticRegression(C=7.5, tol=1e-8, max_iter=2000).fit(rows, labels)
    found = output.logits.softmax(1).double().numpy()
    np.testing.assert_allclose(found, oracle.predict_proba(rows), atol=0.02)


def test_the_factor_scales_the_logits() -> None:
    whole, part = build(ISqrtCov), build(ISqrtCov)
    start_head(whole, lambda: iter(batches()), 24, 1.0)
    start_head(part, lambda: iter(batches()), 24, 0.25)
    images = batches()[0][0]
    with torch.no_grad():
        torch.testing.assert_close(part(images).logits, 0.25 * whole(images).logits)


def test_too_many_rows_are_thinned_out_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    method = build(ISqrtCov)
    assert method.linear_head is not None
    monkeypatch.setattr("fieldmark.training.gradient.head_start._MAX_BYTES", 8 * 8 * method.linear_head.in_features)
    read: list[int] = []
    monkeypatch.setattr(method, "head_rows", lambda output: read.append(len(output.embedding)) or output.embedding)
    start_head(method, lambda: iter(batches()), 24, 1.0)
    assert read == [2 * 4, 2 * 3, 2 * 1]  # photos 0, 3, 6, 9; 12, 15, 18; 21


def test_a_stage_that_only_fits_the_head_is_left_out_where_it_starts_fitted(birds: Path, tmp_path: Path) -> None:
    records = read(birds)
    few = records.like(records[::6])
    settings = AttentionMethod.Settings(epochs=2, batch_size=8, image_size=SIDE)
    epochs = {}
    for factor in (0.0, 0.4):
        torch.manual_seed(0)
        backbone = create_backbone("test_efficientnet", image_size=SIDE, pretrained=False)
        method = HierarchicalBilinear(backbone, 4, levels=3, rank=16)
        preprocess = backbone.preprocess(SIDE, "squash")
        seen: list[int] = []
        method.begin_stage = lambda index, photos, seen=seen: seen.append(index)  # type: ignore[method-assign]
        train_method(method, few, few, preprocess, settings, tmp_path / str(factor), probe_start=factor)
        epochs[factor] = seen
    assert epochs == {0.0: [0, 1], 0.4: [1]}


def test_every_gradient_method_starts_so_by_default() -> None:
    assert GradientSettings(method="cbam").probe_start == 0.4
    assert "probe_start" not in method_options(AttentionMethod.Settings())


def test_methods_say_which_head_is_linear() -> None:
    assert build_method("cbam", 3, {"backbone": "test_efficientnet"}, SIDE).linear_head is not None


def test_new_batch_norms_get_the_statistics_of_the_photos() -> None:
    method = build(ISqrtCov, start="random", projected=8)
    start_head(method, lambda: iter(batches()), 24, 1.0)
    norm = method.reduce[1]  # type: ignore[index]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert not norm.training
    assert norm.momentum == 0.1
    means = []
    for images, _ in batches():
        with torch.no_grad():
            means.append(method.reduce[0](method.backbone.local_map(images)).mean((0, 2, 3)))  # type: ignore[index]
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0), rtol=1e-4, atol=1e-5)


def test_covariance_starts_from_the_principal_components_of_the_local_features() -> None:
    method = build(ISqrtCov, projected=4)
    method.begin_stage(0, lambda: iter(batches()))
    with torch.no_grad():
        local = torch.cat([method.backbone.local_map(images) for images, _ in batches()])
        features = local.permute(0, 2, 3, 1).flatten(0, 2).double()
        projected = method.reduce(local).permute(0, 2, 3, 1).flatten(0, 2).double()  # type: ignore[operator]
    largest = torch.linalg.eigvalsh(features.T.cov()).flip(0)[:4]
    torch.testing.assert_close(projected.T.cov(), largest.diag(), rtol=1e-3, atol=1e-4)
