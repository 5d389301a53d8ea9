"""Squares: where they may lie, how they nest, where the response is highest, and that they can be learned."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fieldmark.layers.attention.attention_proposal import (
    AttentionProposal,
    fit_proposal,
    peak_square,
    square_in_square,
    squares_to_boxes,
)


def blob(x: float, y: float, side: int = 14) -> Tensor:
    """A map (2, side, side) whose channels peak at a place between 0 and 1."""
    centres = (torch.arange(side) + 0.5) / side
    near = torch.exp(-((centres[None] - x) ** 2 + (centres[:, None] - y) ** 2) / 0.02)
    return torch.stack([near, 0.5 * near])


@pytest.fixture
def proposal() -> AttentionProposal:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AttentionProposal(2, smallest=0.4, squeezed=4, hidden=32)


def test_it_starts_in_the_middle(proposal: AttentionProposal) -> None:
    squares = proposal(torch.randn(3, 2, 5, 5))
    torch.testing.assert_close(squares, torch.tensor([0.5, 0.5, 0.35]).expand(3, 3))


def test_every_square_lies_inside_and_is_large_enough(proposal: AttentionProposal) -> None:
    with torch.no_grad():
        proposal.square.weight.normal_(0, 3, generator=torch.Generator().manual_seed(0))
        boxes = squares_to_boxes(proposal(torch.randn(200, 2, 7, 7)), 100)
    assert boxes.min() >= -1e-4
    assert boxes.max() <= 100 + 1e-4
    sides = boxes[:, 2:] - boxes[:, :2]
    torch.testing.assert_close(sides[:, 0], sides[:, 1])
    assert sides.min() >= 40 - 1e-3
    assert sides.std() > 1


def test_a_square_in_a_square_is_what_two_crops_show() -> None:
    outer, inner = torch.tensor([[0.6, 0.5, 0.3]]), torch.tensor([[0.25, 0.75, 0.25]])
    # the outer one spans 0.3 to 0.9 and 0.2 to 0.8; the inner one its left half and its lower half
    torch.testing.assert_close(
        squares_to_boxes(square_in_square(outer, inner), 100)[0], torch.tensor([30.0, 50, 60, 80])
    )
    whole = torch.tensor([[0.5, 0.5, 0.5]])
    torch.testing.assert_close(square_in_square(whole, inner), inner)
    torch.testing.assert_close(square_in_square(inner, whole), inner)


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.3, 0.62), (0.7, 0.4)])
def test_the_square_is_where_the_response_is_highest(place: tuple[float, float]) -> None:
    square = peak_square(blob(*place)[None], 0.5)[0]
    torch.testing.assert_close(square[:2], torch.tensor(place), rtol=0, atol=0.03)
    assert square[2] == 0.25


def test_at_the_rim_the_square_stays_inside() -> None:
    square = peak_square(blob(0.02, 0.97)[None], 0.5)[0]
    torch.testing.assert_close(square, torch.tensor([0.25, 0.75, 0.25]))


def test_it_learns_where_the_response_is_highest(proposal: AttentionProposal) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.stack([blob(x, y, 7) for x, y in (0.3 + 0.4 * torch.rand(120, 2, generator=generator)).tolist()])
    squares = peak_square(maps, 0.6)
    with torch.no_grad():
        before = float((proposal(maps) - squares).abs().mean())
    proposal.requires_grad_(False)
    torch.manual_seed(0)
    after = fit_proposal(proposal, maps, squares)
    assert after < 0.25 * before
    assert after < 0.02
    assert not any(parameter.requires_grad for parameter in proposal.parameters())
