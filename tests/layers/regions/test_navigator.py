"""The navigator's scores lie in the order of the anchor boxes, whatever the map's size."""

from __future__ import annotations

import pytest
import torch

from fieldmark.layers.regions.anchor_boxes import anchor_boxes
from fieldmark.layers.regions.navigator import Navigator


@pytest.mark.parametrize("grid", [(14, 14), (7, 7), (7, 5), (1, 1)])
def test_one_score_for_each_box(grid: tuple[int, int]) -> None:
    scores = Navigator(8, hidden=4)(torch.randn(2, 8, *grid))
    assert scores.shape == (2, len(anchor_boxes((64, 64), grid)))
    assert scores.dtype == torch.float32


@torch.no_grad()
def test_scores_lie_in_the_order_of_the_boxes() -> None:
    """A single bright place: the best score of the finest map must belong to a box around it."""
    navigator = Navigator(1, hidden=1)
    convolution = navigator.narrow[0][0]  # type: ignore[index]
    convolution.weight.zero_()
    convolution.weight[0, 0, 1, 1] = 1.0
    navigator.score[0].weight.copy_(torch.tensor([1.0, 2, 6, 3, 4, 5])[:, None, None, None])
    feature_map = torch.zeros(1, 1, 6, 6)
    feature_map[0, 0, 4, 2] = 1.0
    scores = navigator(feature_map)[0, : 6 * 6 * 6]
    best = int(scores.argmax())
    assert best == (4 * 6 + 2) * 6 + 2
    x1, y1, x2, y2 = anchor_boxes((60, 60), (6, 6))[best].tolist()
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((25, 45))


def test_autocast_changes_nothing() -> None:
    """Not even on a single place, where bfloat16 would read gradients from memory that nobody wrote."""
    torch.manual_seed(0)
    navigator = Navigator(16)
    feature_map = torch.randn(2, 16, 2, 2)
    gradients = []
    for half in (False, True):
        navigator.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            scores = navigator(feature_map)
        scores.sum().backward()
        gradients.append([parameter.grad.clone() for parameter in navigator.parameters() if parameter.grad is not None])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
