"""Attention proposal network: propose the square of an image to zoom into, and compute its initial target.

A square is (centre x, centre y, half side), as fractions of the side of the image that it lies in.

Source: Fu, Zheng, Mei, "Look closer to see better: recurrent attention convolutional neural network for fine-grained
image recognition" (CVPR 2017), sections 3.2 and 3.4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = [
    "AttentionProposal",
    "fit_proposal",
    "peak_square",
    "square_in_square",
    "squares_to_boxes",
    "strongest_square",
]

GRID = 7
"""Side of the grid that maps are resized to: a dense layer needs a fixed one."""
_FINE = 28
_FIT_STEPS = 200
_FIT_BATCH = 64


class AttentionProposal(nn.Module):
    """Feature map to a square: a 1x1 convolution, two dense layers, a sigmoid.

    The centre is bounded so that the square lies inside the image. The network starts with the central square whose
    side is halfway between the smallest and the whole.

    Args:
        channels: C.
        smallest: Minimum side of the square, as a fraction of the image's.
        squeezed: Channels after the convolution.
        hidden: Units of the first dense layer.
    """

    def __init__(self, channels: int, smallest: float = 0.5, squeezed: int = 32, hidden: int = 256) -> None:
        super().__init__()
        self.smallest = smallest
        self.even = nn.GroupNorm(1, channels, affine=False)  # backbones differ in the scale of their activations
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.hidden = nn.Linear(squeezed * GRID**2, hidden)
        self.square = nn.Linear(hidden, 3)
        nn.init.zeros_(self.square.weight)
        nn.init.zeros_(self.square.bias)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> squares (B, 3)."""
        with without_autocast(feature_map):  # bfloat16 would round a position to whole pixels
            places = on_grid(self.squeeze(self.even(at_least_float32(feature_map))))
            share = self.square(self.hidden(places.flatten(1)).tanh()).sigmoid()  # (B, 3)
            half = 0.5 * (self.smallest + (1 - self.smallest) * share[:, 2:])
            return torch.cat([half + (1 - 2 * half) * share[:, :2], half], 1)


def on_grid(maps: Tensor) -> Tensor:
    """Resize maps to the grid of the proposal: (B, C, H, W) -> (B, C, 7, 7)."""
    return F.interpolate(maps, size=(GRID, GRID), mode="bilinear", align_corners=False)


def squares_to_boxes(squares: Tensor, side: int) -> Tensor:
    """Convert squares (B, 3) in an image of `side` pixels to boxes (B, 4), xyxy pixels."""
    centre, half = squares[:, :2], squares[:, 2:]
    return side * torch.cat([centre - half, centre + half], 1)


def square_in_square(outer: Tensor, inner: Tensor) -> Tensor:
    """Convert squares (B, 3) inside crops `outer` to squares of the image that the crops were cut from."""
    half = outer[:, 2:]
    return torch.cat([outer[:, :2] + half * (2 * inner[:, :2] - 1), 2 * half * inner[:, 2:]], 1)


def peak_square(feature_map: Tensor, share: float) -> Tensor:
    """Return the square of a given size where the mean response over channels is highest.

    Args:
        feature_map: (B, C, H, W); negative responses count as zero.
        share: Side of the square as a fraction of the map's.

    Returns:
        Squares (B, 3).
    """
    return strongest_square(at_least_float32(feature_map).clamp_min(0).mean(1), share)


def strongest_square(response: Tensor, share: float) -> Tensor:
    """Return the square of a given size with the largest sum of a map.

    Args:
        response: (B, H, W), of any sign.
        share: Side of the square as a fraction of the map's.

    Returns:
        Squares (B, 3).
    """
    fine = F.interpolate(response[:, None], size=(_FINE, _FINE), mode="bilinear", align_corners=False)
    kernel = max(1, min(_FINE, round(share * _FINE)))
    sums = F.avg_pool2d(fine, kernel, stride=1)[:, 0]  # (B, n, n) of every position
    best = sums.flatten(1).argmax(1)
    corner = torch.stack([best % sums.shape[2], best // sums.shape[2]], 1)  # x, y
    centre = (corner + kernel / 2) / _FINE
    return torch.cat([centre, torch.full_like(centre[:, :1], kernel / _FINE / 2)], 1)


def fit_proposal(proposal: AttentionProposal, maps: Tensor, squares: Tensor) -> float:
    """Train a proposal to predict given squares (smooth L1, Adam). Draws batches from torch's random state.

    Args:
        proposal: Trained in place, even if its parameters are frozen at the moment.
        maps: (n, C, H, W) of any precision.
        squares: (n, 3).

    Returns:
        Final mean absolute error, as a fraction of the image's side.
    """
    frozen = [parameter for parameter in proposal.parameters() if not parameter.requires_grad]
    proposal.requires_grad_(True)
    optimizer = torch.optim.Adam(proposal.parameters(), lr=1e-3)
    for _ in range(_FIT_STEPS):
        chosen = torch.randint(len(maps), (_FIT_BATCH,))
        loss = F.smooth_l1_loss(proposal(maps[chosen].float()), squares[chosen], beta=0.1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    optimizer.zero_grad()
    for parameter in frozen:
        parameter.requires_grad_(False)
    with torch.no_grad():
        found = torch.cat([proposal(batch.float()) for batch in torch.split(maps, _FIT_BATCH)])
    return float((found - squares).abs().mean())
