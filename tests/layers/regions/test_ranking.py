"""The ranking loss against a loop in float64, and when it is nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fieldmark.layers.regions.ranking import ranking_loss


def slow(scores: Tensor, losses: Tensor, margin: float) -> float:
    costs = []
    for score, loss in zip(scores.tolist(), losses.tolist(), strict=True):
        for i in range(len(score)):
            costs += [max(0.0, margin - (score[i] - score[s])) for s in range(len(score)) if loss[s] > loss[i]]
    return sum(costs) / max(1, len(costs))


@pytest.mark.parametrize("margin", [0.0, 1.0, 2.5])
def test_against_a_loop(margin: float) -> None:
    generator = torch.Generator().manual_seed(0)
    scores, losses = (torch.randn(5, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    losses[:, 3] = losses[:, 1]  # a tie is no pair
    assert float(ranking_loss(scores, losses, margin)) == pytest.approx(slow(scores, losses, margin), rel=1e-12)


def test_nothing_where_scores_follow_the_losses_by_the_margin() -> None:
    assert ranking_loss(torch.tensor([[4.0, 3.0, 1.0]]), torch.tensor([[0.1, 0.5, 2.0]])) == 0


def test_the_margin_where_all_scores_are_equal() -> None:
    assert ranking_loss(torch.zeros(2, 4), torch.rand(2, 4)) == 1


def test_nothing_where_all_losses_are_equal() -> None:
    assert ranking_loss(torch.randn(2, 4), torch.ones(2, 4)) == 0


def test_it_raises_the_better_and_leaves_the_losses() -> None:
    scores = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    losses = torch.tensor([[2.0, 1.0]], dtype=torch.float64, requires_grad=True)
    ranking_loss(scores, losses).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert scores.grad.tolist() == [[1.0, -1.0]]
    assert losses.grad is None
