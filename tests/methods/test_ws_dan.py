"""WS-DAN: descriptors under maps, three passes in training, two in evaluation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.layers.pooling.bilinear import power_normalize
from fieldmark.methods.build import build_method
from fieldmark.methods.ws_dan import WSDAN, WSDANOutput, augment


@pytest.fixture
def method() -> WSDAN:
    return ws_dan()


def ws_dan(**options: object) -> WSDAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = build_method("ws_dan", 7, {"backbone": "test_efficientnet", "num_maps": 4, **options}, 64)
    assert isinstance(method, WSDAN)
    return method.eval()


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_the_descriptor_is_the_mean_under_each_map(method: WSDAN) -> None:
    output = ws_dan(refine=False)(images())
    assert output.attention_maps is not None
    assert output.feature_map is not None
    assert output.attention_maps.shape == (2, 4, *output.feature_map.shape[2:])
    assert (output.attention_maps >= 0).all()
    parts = [(output.attention_maps[:, k : k + 1] * output.feature_map).mean((2, 3)) for k in range(4)]
    torch.testing.assert_close(output.embedding, power_normalize(torch.cat(parts, 1)))
    torch.testing.assert_close(output.embedding.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(output.logits, method.head(4.0 * output.embedding))


@torch.no_grad()
def test_the_probabilities_of_the_second_view_are_averaged(method: WSDAN) -> None:
    once = ws_dan(refine=False)
    first = once(images())
    (closer,) = method.closer_views(images(), first.attention_maps)
    second = once(closer.images)
    mean = (first.logits.softmax(1) + second.logits.softmax(1)) / 2
    torch.testing.assert_close(method(images()).logits.softmax(1), mean)
    assert not torch.allclose(first.logits, second.logits)


def test_the_loss_is_the_mean_of_three_and_the_distance_from_the_centres(method: WSDAN) -> None:
    output = method.train()(images())
    assert isinstance(output, WSDANOutput)
    assert output.cropped_logits is not None
    assert output.dropped_logits is not None
    labels = torch.tensor([1, 4])
    passes = (output.logits, output.cropped_logits, output.dropped_logits)
    slow = sum(F.cross_entropy(logits, labels, label_smoothing=0.1) for logits in passes) / 3
    slow = slow + output.embedding.square().sum(1).mean()  # new centres lie at zero
    torch.testing.assert_close(method.loss(output, labels, label_smoothing=0.1), slow)


def test_the_weight_of_the_distance() -> None:
    method = ws_dan(center_weight=0.0).train()
    output = method(images())
    assert isinstance(output, WSDANOutput)
    labels = torch.tensor([1, 4])
    passes = (output.logits, output.cropped_logits, output.dropped_logits)
    slow = torch.stack([F.cross_entropy(logits, labels) for logits in passes if logits is not None]).mean()
    torch.testing.assert_close(method.loss(output, labels), slow)


def test_centres_move_only_in_training(method: WSDAN) -> None:
    labels = torch.tensor([1, 4])
    method.loss(method(images()), labels)
    assert (method.centers.centers == 0).all()
    method.loss(method.train()(images()), labels)
    moved = method.centers.centers.abs().sum(1) > 0
    assert moved.tolist() == [label in (1, 4) for label in range(7)]


def test_the_maps_learn_from_every_pass(method: WSDAN) -> None:
    output = method.train()(images())
    assert isinstance(output, WSDANOutput)
    for logits in (output.logits, output.cropped_logits, output.dropped_logits):
        assert logits is not None
        method.zero_grad()
        logits.square().sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
        assert any((p.grad != 0).any() for p in method.attend.parameters() if p.grad is not None)


def test_crops_and_erasures_differ_from_the_photo() -> None:
    maps = torch.zeros(2, 3, 4, 4)
    maps[:, :, 1, 2] = 1.0
    (cropped, boxes), (dropped, _) = augment(images(), maps)
    assert boxes is not None
    assert boxes.shape == (2, 1, 4)
    assert cropped.shape == dropped.shape == (2, 3, 64, 64)
    assert (dropped == 0).any()
    assert not torch.allclose(cropped, images())


def test_a_single_stage_trains_everything(method: WSDAN) -> None:
    (stage,) = method.stages()
    assert stage.freeze is None
