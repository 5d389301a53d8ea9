"""A fine-tune starts as the linear probe, scaled."""

from __future__ import annotations

from pathlib import Path

import torch

from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.build import method_options
from fieldmark.methods.fine_tune import FineTune
from fieldmark.methods.pooled import PooledMethod
from fieldmark.training.frozen.fit_member import fit_member
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import run_pass
from fieldmark.training.gradient.train_by_gradient import probed_method


def test_the_start_is_the_probe_times_the_factor(birds: Path) -> None:
    photos = prepare(read(birds)).photos
    settings = FineTune.Settings(poolings=("avg",), image_size=96, dropout=0.3, probe_start=0.25)
    frozen = FrozenBackbone(photos.for_training(), settings, None, 96, ("avg",))
    probe = fit_member(run_pass(frozen, [("avg",)])).graph.method
    start = probed_method(photos, settings)
    assert isinstance(start, PooledMethod)
    assert isinstance(probe, PooledMethod)
    assert start.dropout.p == 0.3
    assert torch.allclose(start.head.weight, 0.25 * probe.head.weight, atol=1e-6)
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(start.eval()(images).logits, 0.25 * probe(images).logits, atol=1e-4)


def test_the_factor_is_no_part_of_the_shipped_method() -> None:
    assert method_options(FineTune.Settings()) == {"poolings": ["avg", "cov"], "dropout": 0.2}
