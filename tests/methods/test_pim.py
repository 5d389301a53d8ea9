"""PIM: what is selected, the graph combiner and the losses against NumPy and loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.backbones.levels import feature_levels
from fieldmark.errors import SettingError
from fieldmark.layers.attention.confident_places import rank_places
from fieldmark.layers.graph_combiner import GraphCombiner
from fieldmark.layers.pooling.feature_pyramid import FeaturePyramid
from fieldmark.methods.build import build_method
from fieldmark.methods.pim import PIM, PIMOutput


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def pim(**options: object) -> PIM:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = build_method("pim", 7, {"backbone": "test_efficientnet", "pyramid_channels": 32, **options}, 64)
    assert isinstance(method, PIM)
    return method.eval()


def images(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_two_ninths_are_the_papers_numbers() -> None:
    """At 384 px, stages with steps of 4, 8, 16 and 32 pixels: 2048, 512, 128 and 32 places."""
    assert [round(2 / 9 * (384 // step) ** 2) for step in (4, 8, 16, 32)] == [2048, 512, 128, 32]
    method = pim()
    assert method.counts == [round(2 / 9 * side**2) for side in (16, 8, 4)] + [1]


@torch.no_grad()
def test_the_most_certain_places_are_selected() -> None:
    method = pim()
    features = method.local_features(images())
    chosen = method.chosen_places(features)
    start = 0
    for one, classifier, count in zip(features.maps, method.classifiers, method.counts, strict=True):
        probabilities = classifier(one.features).softmax(1).amax(1)  # (B, N)
        for photo in range(3):
            best = sorted(range(probabilities.shape[1]), key=lambda place: -float(probabilities[photo, place]))[:count]
            expected = one.features[photo].flatten(1)[:, best]
            torch.testing.assert_close(chosen[photo, :, start : start + count], expected)
        start += count
    assert start == chosen.shape[2]


def test_certain_places_are_ranked_where_their_probability_rounds_to_one() -> None:
    gaps = torch.tensor([40.0, 90.0, 60.0, 20.0])
    logits = torch.stack([torch.zeros(4), gaps, torch.full((4,), -5.0)])[None]
    assert (logits.softmax(1).amax(1) == 1).all()
    assert rank_places(logits).tolist() == [[1, 2, 0, 3]]


@torch.no_grad()
def test_the_pyramid_adds_resized_coarser_maps() -> None:
    pyramid = FeaturePyramid([3, 5], 4)
    fine, coarse = torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)
    first, second = pyramid([fine, coarse])
    projected = pyramid.project[1](coarse)
    torch.testing.assert_close(second, projected)
    up = F.interpolate(projected, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(first, pyramid.project[0](fine) + up)


@torch.no_grad()
def test_the_combiner_is_that_of_the_equations() -> None:
    combiner = GraphCombiner(96, 8).double().eval()
    combiner.alpha.fill_(0.7)
    combiner.norm.running_mean.normal_()
    combiner.norm.running_var.uniform_(0.5, 2)
    selected = torch.randn(2, 8, 96).double()
    state = {name: value.numpy() for name, value in combiner.state_dict().items()}
    for photo in range(2):
        nodes = selected[photo].numpy() @ state["to_nodes.weight"].T + state["to_nodes.bias"]  # (C, J)
        assert nodes.shape == (8, 3)
        query = (state["query.weight"][:, :, 0] @ nodes + state["query.bias"][:, None]).mean(0)
        key = (state["key.weight"][:, :, 0] @ nodes + state["key.bias"][:, None]).mean(0)
        adjacency = state["adjacency"].copy()
        for i in range(3):
            for j in range(3):
                adjacency[i, j] += 0.7 * np.tanh(query[i] - key[j])
        moved = (state["convolve.weight"][:, :, 0] @ nodes + state["convolve.bias"][:, None]) @ adjacency
        mean, variance = state["norm.running_mean"][:, None], state["norm.running_var"][:, None]
        normed = (moved - mean) / np.sqrt(variance + 1e-5) * state["norm.weight"][:, None] + state["norm.bias"][:, None]
        expected = normed @ state["join.weight"][0] + state["join.bias"]
        np.testing.assert_allclose(combiner(selected)[photo].numpy(), expected, rtol=1e-6)


def test_gradients_of_the_combiner() -> None:
    combiner = GraphCombiner(64, 4).double().eval()
    selected = torch.randn(1, 4, 64, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(combiner, selected)


def test_the_loss_term_by_term() -> None:
    method = pim(level_weight=0.4, dropped_weight=3.0, levels=2)
    output, labels = method.train()(images()), torch.tensor([0, 3, 6])
    assert isinstance(output, PIMOutput)
    expected = F.cross_entropy(output.logits, labels)
    for logits, dropped, count in zip(output.place_logits, output.dropped_logits, method.counts, strict=True):
        expected = expected + 0.4 * F.cross_entropy(logits.mean(2), labels)
        values = []
        for photo in range(3):
            certain = logits[photo].detach().softmax(0).amax(0)
            rest = sorted(range(logits.shape[2]), key=lambda place, p=certain: -float(p[place]))[count:]
            values.append(logits[photo][:, rest])
        torch.testing.assert_close(torch.stack(values), dropped)
        expected = expected + 3.0 * F.mse_loss(dropped.tanh(), torch.full_like(dropped, -1))
    torch.testing.assert_close(method.loss(output, labels), expected)


def test_selected_fraction_of_one_drops_nothing() -> None:
    method = pim(selected=1.0)
    assert torch.isfinite(method.loss(method.train()(images()), torch.tensor([0, 1, 2])))


@torch.no_grad()
def test_attention_maps_are_the_certainty_of_each_level() -> None:
    method = pim(levels=2)
    attention = method(images()).attention_maps
    assert attention is not None
    fine, coarse = feature_levels(method.backbone, images(), 2)
    assert attention.shape == (3, 2, *fine.shape[2:])
    last = method.classifiers[1](method.pyramid([fine, coarse])[1]).softmax(1).amax(1).reshape(3, *coarse.shape[2:])
    torch.testing.assert_close(attention[:, 1, ::2, ::2], last)


def test_another_image_size_is_refused() -> None:
    with pytest.raises(SettingError) as raised:
        pim()(torch.zeros(1, 3, 96, 96))
    assert str(raised.value) == (
        "this model on 'test_efficientnet' was built for images of 64 pixels, but these have 96: "
        "fit it with image_size=96"
    )
