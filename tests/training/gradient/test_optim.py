"""Learning rates by depth, and their course."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fieldmark.methods.build import build_method
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient.optim import WarmupCosine, build_optimizer, layerwise_groups


def test_every_stage_has_the_rate_of_a_table_made_by_hand(tiny_method):
    groups = layerwise_groups(tiny_method(), layer_decay=0.5, head_lr_scale=4.0)
    assert {group.name: group.lr_scale for group in groups} == {
        "stem": 1 / 32,
        "stage1": 1 / 16,
        "stage2": 1 / 8,
        "stage3": 1 / 4,
        "stage4": 1 / 2,
        "stage5": 1.0,
        "head": 4.0,
    }


def test_the_groups_hold_each_parameter_once_and_no_frozen_one(tiny_method):
    method = tiny_method()
    method.backbone.freeze("stage2")
    grouped = [id(p) for group in layerwise_groups(method, 0.9, 1.0) for p in group.parameters]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(p) for p in method.parameters() if p.requires_grad}


def test_norms_and_biases_do_not_decay(tiny_method):
    method = tiny_method()
    optimizer = build_optimizer(method, FineTune.Settings(weight_decay=0.3))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in method.named_parameters():
        assert decay[id(parameter)] == (0.3 if name.endswith("weight") and parameter.ndim > 1 else 0.0), name


def test_rates_are_the_product_of_setting_stage_and_depth(tiny_method):
    settings = FineTune.Settings(lr=0.01, layer_decay=0.5, head_lr_scale=3.0)
    optimizer = build_optimizer(tiny_method(), settings, lr_scale=0.1)
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates["head"] == pytest.approx(0.01 * 0.1 * 3.0)
    assert rates["stage4"] == pytest.approx(0.01 * 0.1 * 0.5)


def test_the_course_is_a_line_up_and_half_a_cosine_down():
    schedule = WarmupCosine(total=10, warmup=0.4)
    up = [0.2, 0.4, 0.6, 0.8]
    down = [0.5 * (1 + math.cos(math.pi * k / 6)) for k in range(6)]
    assert [schedule.factor(step) for step in range(10)] == pytest.approx(up + down)


@given(total=st.integers(1, 3000), warmup=st.floats(0, 0.99))
def test_the_course_rises_then_falls_and_stays_between_0_and_1(total, warmup):
    schedule = WarmupCosine(total, warmup)
    factors = [schedule.factor(step) for step in range(total + 1)]
    top = round(warmup * total)
    assert all(0 <= factor <= 1 for factor in factors)
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    if top < total:
        assert factors[top] == 1
        assert factors[total] == pytest.approx(0, abs=1e-9)


def test_a_fitted_head_moves_in_proportion_to_its_weights() -> None:
    method = build_method("isqrt_cov", 3, {"backbone": "test_efficientnet", "projected": 8}, 64)
    assert method.linear_head is not None
    rates = {}
    for factor in (1.0, 10.0):
        with torch.no_grad():
            method.linear_head.weight.fill_(0.165 * factor)
        groups = layerwise_groups(method, 0.5, 3.0, fitted_head=True)
        rates[factor] = {group.name: group.lr_scale for group in groups}
        held = [id(parameter) for group in groups for parameter in group.parameters]
        assert sorted(held) == sorted(id(parameter) for parameter in method.parameters())
    assert rates[1.0]["fitted head"] == pytest.approx(3.0)
    assert rates[10.0]["fitted head"] == pytest.approx(30.0)
    assert rates[1.0]["head"] == rates[10.0]["head"] == 3.0
