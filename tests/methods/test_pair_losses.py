"""``api_net``, ``pairwise_confusion``, ``mcl`` and ``dcl``: their losses term by term, and answers without them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.errors import SettingError
from fieldmark.layers.euclidean_confusion import euclidean_confusion
from fieldmark.layers.pair_interaction import nearest_pairs
from fieldmark.layers.regions.region_confusion import region_centers
from fieldmark.methods.api_net import APINet, APINetOutput
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method, method_options
from fieldmark.methods.dcl import DCL, DCLFeatures, DCLOutput
from fieldmark.methods.mcl import MCL, MCLOutput
from fieldmark.methods.pairwise_confusion import PairwiseConfusion

LABELS = torch.tensor([1, 4, 1, 1, 2, 4])


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def build(kind: type[Method], **changed: Any) -> Any:
    settings = kind.Settings(**changed)  # type: ignore[call-arg]
    return build_method(settings.method, 7, {"backbone": "test_efficientnet", **method_options(settings)}, 64).eval()


def images(count: int = 6) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize("kind", [APINet, PairwiseConfusion, MCL, DCL])
def test_an_answer_is_the_linear_layer_on_the_average(kind: type[Method]) -> None:
    method = build(kind)
    output = method(images())
    mean = method.backbone(images()).mean((2, 3))
    torch.testing.assert_close(output.embedding, mean)
    torch.testing.assert_close(output.logits, mean @ method.head.weight.T + method.head.bias)


def test_pairwise_confusion_is_weighted_by_the_number_of_classes() -> None:
    method = build(PairwiseConfusion, confusion_weight=0.2)
    output = method.train()(images())
    expected = F.cross_entropy(output.logits, LABELS) + 0.2 * 7 * euclidean_confusion(output.logits, LABELS)
    torch.testing.assert_close(method.loss(output, LABELS), expected)


def test_confusion_pulls_the_probabilities_together() -> None:
    """A step against its gradient lowers the distance between photos of two classes."""
    logits, classes = torch.randn(4, 7, requires_grad=True), torch.tensor([0, 1, 2, 3])
    before = euclidean_confusion(logits, classes)
    (gradient,) = torch.autograd.grad(before, logits)
    assert euclidean_confusion(logits.detach() - 0.1 * gradient, classes) < before


def test_the_loss_of_api_net_by_a_loop_over_pairs() -> None:
    method = build(APINet, rank_weight=0.7, rank_margin=0.1, pair_dropout=0.0)
    output = method.train()(images())
    assert isinstance(output, APINetOutput)
    features = output.embedding.detach()
    entropies, ranks = [], []
    for i, j in zip(*(one.tolist() for one in nearest_pairs(features, LABELS)), strict=True):
        mutual = method.interaction.widen(method.interaction.narrow(torch.cat([features[i], features[j]])))
        gates = {k: torch.sigmoid(mutual * features[k]) for k in (i, j)}
        for k, partner in ((i, j), (j, i)):
            own = method.head(features[k] + features[k] * gates[k])
            other = method.head(features[k] + features[k] * gates[partner])
            entropies += [F.cross_entropy(each, LABELS[k]) for each in (own, other)]
            ranks.append((other.softmax(0)[LABELS[k]] - own.softmax(0)[LABELS[k]] + 0.1).clamp(min=0))
    expected = torch.stack(entropies).mean() + 0.7 * torch.stack(ranks).mean()
    torch.testing.assert_close(method.loss(output, LABELS), expected)


def test_the_interaction_of_api_net_learns_and_one_photo_is_classified_alone() -> None:
    method = build(APINet)
    method.loss(method.train()(images()), LABELS).backward()
    assert all((parameter.grad != 0).any() for parameter in method.interaction.parameters())
    output = method(images(1))
    torch.testing.assert_close(method.loss(output, LABELS[:1]), F.cross_entropy(output.logits, LABELS[:1]))


def test_the_loss_of_mcl_term_by_term() -> None:
    method = build(MCL, channels_per_class=3, mutual_weight=0.5, diversity_weight=2.0)
    output = method.train()(images())
    assert isinstance(output, MCLOutput)
    assert output.feature_map is not None
    assert output.feature_map.shape[1] == 21
    assert output.class_responses is not None
    assert output.diversity is not None
    assert ((output.diversity >= 1 - 1e-5) & (output.diversity <= 3)).all()
    mutual = F.cross_entropy(output.class_responses, LABELS) - 2.0 * output.diversity.mean()
    torch.testing.assert_close(method.loss(output, LABELS), F.cross_entropy(output.logits, LABELS) + 0.5 * mutual)


def test_mcl_needs_a_channel_for_each_class() -> None:
    with pytest.raises(SettingError) as raised:
        build_method("mcl", 900, {"backbone": "test_efficientnet"}, 64)
    assert str(raised.value) == (
        "mcl gives each of 900 classes a channel of its own, but the map of 'test_efficientnet' has 256: "
        "set channels_per_class, such as 3"
    )


def test_the_loss_of_dcl_term_by_term() -> None:
    method = build(DCL, regions=4, reach=1, adversarial_weight=0.3, location_weight=0.6)
    features = method.train().local_features(images())
    assert isinstance(features, DCLFeatures)
    assert features.order is not None
    output = method.classify(features)
    assert isinstance(output, DCLOutput)
    straight = region_centers(torch.arange(16)[None], 4)[0]
    located = 0.0
    for photo in range(6):
        moved = region_centers(features.order[photo][None], 4)[0]
        located += (output.located[photo] - straight).abs().mean() / 12
        located += (output.located[6 + photo] - moved).abs().mean() / 12
    kinds = torch.tensor([0] * 6 + [1] * 6)
    expected = F.cross_entropy(output.logits, LABELS) + F.cross_entropy(output.destructed_logits, LABELS)
    expected = expected + 0.3 * F.cross_entropy(output.discriminated, kinds) + 0.6 * located
    torch.testing.assert_close(method.loss(output, LABELS), expected)


def test_dcl_learns_to_tell_shuffled_photos_and_to_locate_regions() -> None:
    """On smooth photos whose red channel grows to the right and whose green one grows downwards."""
    method = build(DCL, regions=4, reach=2)
    ramp = torch.linspace(-1, 1, 64).expand(64, 64)
    photos = torch.stack([ramp, ramp.T, torch.zeros(64, 64)])[None].expand(8, -1, -1, -1).clone()
    optimizer = torch.optim.AdamW(method.parameters(), lr=2e-3)
    errors = []
    for _ in range(40):
        output = method.train()(photos)
        loss = method.loss(output, torch.zeros(8, dtype=torch.int64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(float((output.located - output.origins).abs().mean().detach()))
    assert np.mean(errors[-5:]) < 0.7 * errors[0]
    assert (output.discriminated.argmax(1) == torch.arange(2).repeat_interleave(8)).float().mean() > 0.9
