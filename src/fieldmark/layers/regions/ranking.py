"""Teaching scores to agree with an order."""

from __future__ import annotations

from torch import Tensor

__all__ = ["ranking_loss"]


def ranking_loss(scores: Tensor, losses: Tensor, margin: float = 1.0) -> Tensor:
    """Hinge over all pairs: of two regions, the one with the smaller loss is to lead by the margin.

    Two regions i and s of a photo with ``losses[s] > losses[i]`` cost ``max(0, margin - (scores[i] - scores[s]))``. No
    gradient reaches the losses. The paper sums over the pairs of a photo, 15 of 6 regions; their mean has the size of a
    cross-entropy, so that it does not crowd those out where the norm of all gradients is clipped.

    Source: Yang, Luo, Wang, Hu, Gao, Wang, "Learning to navigate for fine-grained classification" (ECCV 2018), eq. 1.

    Args:
        scores: (B, R), what the navigator says.
        losses: (B, R), what the teacher says.
        margin: The lead that suffices.

    Returns:
        Scalar: the mean over all pairs of all photos; 0 where no two losses differ.
    """
    lead = scores[:, :, None] - scores[:, None, :]  # (B, i, s)
    better = losses.detach()[:, None, :] > losses.detach()[:, :, None]
    return ((margin - lead).relu() * better).sum() / better.sum().clamp_min(1)
