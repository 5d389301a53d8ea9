"""Navigator: score how informative each anchor box is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fieldmark.layers.precision import at_least_float32, without_autocast
from fieldmark.layers.regions.anchor_boxes import PAPER_LEVELS, AnchorLevel

__all__ = ["Navigator"]


class Navigator(nn.Module):
    """Convolutions with increasing strides; on each of their maps, a 1x1 convolution scores the boxes there.

    Group norm, which the paper does not use, keeps the scores in the range of the ranking margin for any backbone.

    Source: Yang, Luo, Wang, Hu, Gao, Wang, "Learning to navigate for fine-grained classification" (ECCV 2018).

    Args:
        channels: C of the feature map.
        hidden: Channels of the navigator's maps.
        levels: The shapes of the boxes at each level; see `anchor_boxes`.
    """

    def __init__(self, channels: int, hidden: int = 128, levels: Sequence[AnchorLevel] = PAPER_LEVELS) -> None:
        super().__init__()
        self.levels = tuple(levels)
        widths = [channels] + [hidden] * (len(levels) - 1)
        self.narrow = nn.ModuleList(_step(width, hidden, 2 if depth else 1) for depth, width in enumerate(widths))
        self.score = nn.ModuleList(nn.Conv2d(hidden, len(level.shapes), 1) for level in levels)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> scores (B, A) of the boxes, in the order of `anchor_boxes`.

        In float32 or more: bfloat16 would give neighbours equal scores, and in bfloat16 torch 2.14 returns
        uninitialised memory as the gradient of a 3x3 convolution over a 1x1 map on the CPU.
        """
        scores = []
        with without_autocast(feature_map):
            current = at_least_float32(feature_map)
            for narrow, score in zip(self.narrow, self.score, strict=True):
                current = narrow(current)
                scores.append(score(current).permute(0, 2, 3, 1).flatten(1))  # rows, columns, shapes
            return torch.cat(scores, 1)


def _step(channels: int, hidden: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels, hidden, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(1, hidden), nn.ReLU())
