"""Feature pyramid: maps of several stages at one width, each with the coarser ones added.

Source: Lin, Dollár, Girshick, He, Hariharan, Belongie, "Feature pyramid networks for object detection" (CVPR 2017);
with two convolutions for each stage and no smoothing in Chou, Lin, Kao, "A novel plug-in module for fine-grained visual
classification" (2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["FeaturePyramid"]


class FeaturePyramid(nn.Module):
    """Two 1x1 convolutions with a ReLU between them for each level; coarser levels are resized and added.

    Args:
        channels: Of each level, the finest first.
        width: Channels of the results.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, count, 1), nn.ReLU(), nn.Conv2d(count, width, 1)) for count in channels
        )

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """(B, C_i, H_i, W_i) each -> (B, width, H_i, W_i) each, the finest first."""
        maps = [project(level) for project, level in zip(self.project, levels, strict=True)]
        for finer in range(len(maps) - 2, -1, -1):
            above, size = maps[finer + 1], maps[finer].shape[2:]
            if above.shape[2:] != size:
                above = F.interpolate(above, size=(int(size[0]), int(size[1])), mode="bilinear")
            maps[finer] = maps[finer] + above
        return maps
