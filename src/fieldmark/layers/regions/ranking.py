"""Pairwise ranking loss: scores must agree with an order."""

from __future__ import annotations

from torch import Tensor

__all__ = ["ranking_loss"]


def ranking_loss(scores: Tensor, losses: Tensor, margin: float = 1.0) -> Tensor:
    """Hinge loss over all pairs of regions: the region with the smaller loss must score higher by the margin.

    Two regions i and s of an image with ``losses[s] > losses[i]`` cost ``max(0, margin - (scores[i] - scores[s]))``. No
    gradient reaches the losses. The paper sums over the 15 pairs of 6 regions. The mean is used here: it has the scale
    of a cross-entropy, so it does not dominate when gradients are clipped by their total norm.

    Source: Yang, Luo, Wang, Hu, Gao, Wang, "Learning to navigate for fine-grained classification" (ECCV 2018), eq. 1.

    Args:
        scores: (B, R), of the navigator.
        losses: (B, R), of the teacher.
        margin: Lead from which on a pair costs nothing.

    Returns:
        Scalar: the mean over all pairs of all images; 0 if no two losses differ.
    """
    lead = scores[:, :, None] - scores[:, None, :]  # (B, i, s)
    better = losses.detach()[:, None, :] > losses.detach()[:, :, None]
    return ((margin - lead).relu() * better).sum() / better.sum().clamp_min(1)
