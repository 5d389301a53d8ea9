"""A fine-tune starts as the linear probe, scaled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fieldmark.config import FineTuneSettings
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.pooled import PooledMethod
from fieldmark.training.frozen.frozen_heads import FrozenBackbone, FrozenData
from fieldmark.training.gradient.train_by_gradient import probed_method


def test_the_start_is_the_probe_times_the_factor(birds: Path) -> None:
    prepared = prepare(read(birds))
    order = sorted(range(len(prepared.records)), key=lambda index: prepared.records[index].split != "train")
    count = len(prepared.records.of_split("train"))
    groups = np.array(prepared.groups)[order[:count]]
    data = FrozenData(prepared.records.like(prepared.records[index] for index in order), count, groups)
    settings = FineTuneSettings(poolings=("avg",), image_size=96, dropout=0.3, probe_start=0.25)
    frozen = FrozenBackbone(data, settings, None, 96, ("avg",))
    probe = frozen.member(frozen.look([("avg",)]), "linear_probe").method
    start = probed_method(data, settings)
    assert isinstance(start, PooledMethod)
    assert isinstance(probe, PooledMethod)
    assert start.dropout.p == 0.3
    assert torch.allclose(start.head.weight, 0.25 * probe.head.weight, atol=1e-6)
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(start.eval()(images).logits, 0.25 * probe(images).logits, atol=1e-4)


def test_the_factor_is_no_part_of_the_shipped_method() -> None:
    assert FineTuneSettings().method_options() == {"poolings": ["avg", "cov"], "dropout": 0.2}
