"""MA-CNN: parts from groups of channels, and stages in which either the classifiers or the groups learn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.layers.attention.channel_groups import channel_peaks, group_channels
from fieldmark.layers.attention.part_maps import distance_loss, diversity_loss
from fieldmark.methods.build import build_method
from fieldmark.methods.ma_cnn import MACNN


@pytest.fixture
def method() -> MACNN:
    return ma_cnn()


def ma_cnn(**options: object) -> MACNN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = build_method("ma_cnn", 7, {"backbone": "test_efficientnet", **options}, 128)
    assert isinstance(method, MACNN)
    return method.eval()


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 128, 128, generator=torch.Generator().manual_seed(0))


def photos() -> Iterator[tuple[Tensor, Tensor]]:
    for part in images(8).split(3):
        yield part, torch.zeros(len(part), dtype=torch.long)


def gradient_of(module: torch.nn.Module) -> float:
    return sum(float(each.grad.abs().sum()) for each in module.parameters() if each.grad is not None)


def prepared_for(method: MACNN, index: int) -> MACNN:
    stage = method.stages()[index]
    method.backbone.freeze(stage.freeze)
    method.freeze_parts(stage.trains)
    return method


@torch.no_grad()
def test_the_embedding_joins_the_whole_photo_and_each_part(method: MACNN) -> None:
    output = method(images())
    feature_map, maps = output.feature_map, output.attention_maps
    assert feature_map is not None
    assert maps is not None
    assert maps.shape == (2, 4, *feature_map.shape[2:])
    parts = [(feature_map * each).sum((2, 3)) / each.sum((2, 3)) for each in maps.split(1, 1)]
    features = [F.normalize(each, dim=1) for each in (feature_map.mean((2, 3)), *parts)]
    torch.testing.assert_close(output.embedding, torch.cat(features, 1) / 5**0.5)
    torch.testing.assert_close(method.part_logits(output).mean(1), output.logits)


def test_stages_take_turns() -> None:
    assert [stage.name for stage in ma_cnn().stages()] == ["groups", "classifiers"]
    assert [stage.name for stage in ma_cnn(rounds=2).stages()] == 2 * ["groups", "classifiers"]
    assert sum(stage.share for stage in ma_cnn(rounds=2).stages()) == pytest.approx(1)


def test_groups_learn_from_spread_and_overlap_while_the_rest_is_frozen(method: MACNN) -> None:
    prepared_for(method, 0)
    output = method(images())
    maps = output.attention_maps
    assert maps is not None
    loss = method.loss(output, torch.tensor([0, 1]))
    torch.testing.assert_close(loss, distance_loss(maps) + 2 * diversity_loss(maps, 0.02))
    loss.backward()  # type: ignore[no-untyped-call]
    assert gradient_of(method.grouping) > 0
    assert gradient_of(method.backbone) == gradient_of(method.head) == 0


def test_classifiers_learn_from_every_part_while_groups_are_frozen(method: MACNN) -> None:
    prepared_for(method, 1)
    output, labels = method(images()), torch.tensor([0, 1])
    loss = method.loss(output, labels)
    parts = [F.cross_entropy(each, labels) for each in method.part_logits(output).unbind(1)]
    torch.testing.assert_close(loss, F.cross_entropy(output.logits, labels) + torch.stack(parts).mean())
    loss.backward()  # type: ignore[no-untyped-call]
    assert gradient_of(method.backbone) > 0
    assert gradient_of(method.grouping) == 0


def test_before_the_first_stage_channels_that_peak_together_make_a_part(method: MACNN) -> None:
    prepared_for(method, 0)
    method.begin_stage(0, photos)
    with torch.no_grad():
        feature_map = method.backbone(images(8))
        weights = method.grouping.channel_weights(feature_map.mean((2, 3)))
    groups = group_channels(channel_peaks(feature_map), 4)
    assert torch.equal(weights.argmax(1), groups.expand(8, -1))
    kept = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    method.begin_stage(2, photos)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in method.state_dict().items())


def test_spread_and_overlap_fall_in_the_stage_of_the_groups(method: MACNN) -> None:
    method.begin_stage(0, photos)
    prepared_for(method, 0)
    optimizer = torch.optim.Adam(method.grouping.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        loss = method.loss(method(images(8)), torch.zeros(8, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.95 * losses[0]
