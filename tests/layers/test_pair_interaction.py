"""Pairwise interaction against NumPy, and the nearest pairs against a loop."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fieldmark.layers.pair_interaction import PairInteraction, nearest_pairs


def test_the_attended_features_are_those_of_the_equations() -> None:
    torch.manual_seed(0)
    layer = PairInteraction(6, hidden=4).double()
    first, second = torch.randn(3, 6).double(), torch.randn(3, 6).double()
    kept = torch.tensor([0.0, 2.0, 2.0, 0.0]).double().expand(3, -1)
    found = layer(first, second, kept)

    def linear(layer: torch.nn.Linear, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()

    for row in range(3):
        x1, x2 = first[row].numpy(), second[row].numpy()
        hidden = linear(layer.narrow, np.concatenate([x1, x2])) * kept[row].numpy()
        mutual = linear(layer.widen, hidden)
        gate1, gate2 = 1 / (1 + np.exp(-mutual * x1)), 1 / (1 + np.exp(-mutual * x2))
        for own, expected in zip(found.own, (x1 + x1 * gate1, x2 + x2 * gate2), strict=True):
            np.testing.assert_allclose(own[row].detach().numpy(), expected)
        for other, expected in zip(found.other, (x1 + x1 * gate2, x2 + x2 * gate1), strict=True):
            np.testing.assert_allclose(other[row].detach().numpy(), expected)


def test_gradients() -> None:
    torch.manual_seed(0)
    layer = PairInteraction(4, hidden=3).double()
    first, second = (torch.randn(2, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    ones = torch.ones(2, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: layer(a, b, ones).own + layer(a, b, ones).other, (first, second))


def test_nearest_pairs_are_those_of_a_loop() -> None:
    torch.manual_seed(0)
    features, classes = torch.randn(12, 3), torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 4])
    expected = []
    for wanted in (True, False):
        for i in range(12):
            partners = [j for j in range(12) if j != i and bool(classes[i] == classes[j]) == wanted]
            if partners:
                expected.append((i, min(partners, key=lambda j: float((features[i] - features[j]).norm()))))
    first, second = nearest_pairs(features, classes)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected
    assert len(expected) == 11 + 12  # the only photo of class 2 has no partner of its class


def test_a_single_photo_has_no_partner() -> None:
    first, second = nearest_pairs(torch.randn(1, 3), torch.tensor([0]))
    assert len(first) == len(second) == 0
