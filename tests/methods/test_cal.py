"""CAL: what counterfactual attention is, and that the loss is on the difference to it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.errors import SettingError
from fieldmark.layers.pooling.bilinear import power_normalize
from fieldmark.methods.build import build_method
from fieldmark.methods.cal import CAL, CALOutput, counterfactual_maps

LABELS = torch.tensor([1, 4])


def cal(**options: object) -> CAL:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = build_method("cal", 7, {"backbone": "test_efficientnet", "num_maps": 4, **options}, 64)
    assert isinstance(method, CAL)
    return method.eval()


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def trained(method: CAL, count: int = 2) -> CALOutput:
    output = method.train()(images(count))
    assert isinstance(output, CALOutput)
    return output


def test_counterfactual_attention() -> None:
    maps = torch.rand(5, 3, 8, 8) + 3 * torch.arange(5)[:, None, None, None]
    assert (counterfactual_maps(maps, "uniform") == 1).all()
    drawn = counterfactual_maps(maps.repeat(20, 1, 1, 1), "random")
    assert drawn.min() >= 0
    assert drawn.max() <= 2
    assert drawn.mean() == pytest.approx(1, abs=0.05)
    for _ in range(10):
        shuffled = counterfactual_maps(maps, "shuffled")
        assert not (shuffled == maps).flatten(1).all(1).any()  # never a photo's own
        assert sorted(shuffled.mean((1, 2, 3)).tolist()) == sorted(maps.mean((1, 2, 3)).tolist())


def test_an_unknown_counterfactual() -> None:
    with pytest.raises(SettingError) as raised:
        cal(counterfactual="shufled")
    assert str(raised.value) == (
        "unknown counterfactual 'shufled': did you mean 'shuffled'? (known: random, shuffled, uniform)"
    )


@torch.no_grad()
def test_the_effect_of_attention_against_none() -> None:
    """Uniform attention gives the average-pooled feature map once for each map."""
    method = cal(counterfactual="uniform", num_crops=0)
    output = method(images())
    pooled = output.feature_map.mean((2, 3)).repeat(1, 4)
    blind = method.head(method.feature_scale * power_normalize(pooled))
    effect = method.effect(output.logits, output.attention_maps, output.feature_map)
    torch.testing.assert_close(effect, output.logits - blind)


@torch.no_grad()
def test_uniform_attention_has_no_effect() -> None:
    method = cal(counterfactual="uniform", num_crops=0)
    output = method(images())
    embedding = power_normalize(output.feature_map.mean((2, 3)).repeat(1, 4))
    logits = method.head(method.feature_scale * embedding)
    effect = method.effect(logits, torch.ones_like(output.attention_maps), output.feature_map)
    torch.testing.assert_close(effect, torch.zeros(2, 7))


@torch.no_grad()
def test_shuffled_attention_of_a_single_photo_is_unchanged() -> None:
    method = cal(counterfactual="shuffled", num_crops=0)
    output = method(images(1))
    effect = method.effect(output.logits, output.attention_maps, output.feature_map)
    torch.testing.assert_close(effect, torch.zeros(1, 7))


def test_the_loss_term_by_term() -> None:
    method = cal(effect_weight=0.7)
    output = trained(method)
    assert output.effects is not None
    assert output.cropped_logits is not None
    assert output.dropped_logits is not None
    passes = (output.logits, output.cropped_logits, output.dropped_logits)
    slow = sum(F.cross_entropy(logits, LABELS, label_smoothing=0.1) for logits in passes) / 3
    slow = slow + output.embedding.square().sum(1).mean()  # new centres lie at zero
    effects = [F.cross_entropy(each, LABELS, label_smoothing=0.1) for each in output.effects.chunk(3)]
    slow = slow + 0.7 * sum(effects) / 3
    torch.testing.assert_close(method.loss(output, LABELS, label_smoothing=0.1), slow)


def test_without_crops_and_erasures() -> None:
    method = cal(guided=False, center_weight=0.0)
    output = trained(method)
    assert output.effects is not None
    assert output.effects.shape == (2, 7)
    assert output.cropped_logits is None
    slow = F.cross_entropy(output.logits, LABELS) + F.cross_entropy(output.effects, LABELS)
    torch.testing.assert_close(method.loss(output, LABELS), slow)


def test_the_maps_learn_from_the_effect_and_the_bias_does_not() -> None:
    """A bias is in both logits and cancels: an answer that needs no photo earns nothing."""
    method = cal(guided=False)
    output = trained(method)
    assert output.effects is not None
    F.cross_entropy(output.effects, LABELS).backward()  # type: ignore[no-untyped-call]
    assert any((p.grad != 0).any() for p in method.attend.parameters() if p.grad is not None)
    assert method.head.bias.grad is not None
    assert method.head.bias.grad.abs().max() < 1e-6


@torch.no_grad()
@pytest.mark.parametrize("num_crops", [0, 1, 3])
def test_logits_of_the_crops_are_averaged(num_crops: int) -> None:
    method, once = cal(num_crops=num_crops), cal(num_crops=0)
    first = once(images())
    closer = method.closer_views(images(), first.attention_maps)
    views = [first.logits, *(once(view.images).logits for view in closer)]
    assert len(views) == 1 + num_crops
    torch.testing.assert_close(method(images()).logits, torch.stack(views).mean(0))
