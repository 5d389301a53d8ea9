"""Anchor boxes of the navigator: several sizes and shapes around each place of its maps.

Source: Yang, Luo, Wang, Hu, Gao, Wang, "Learning to navigate for fine-grained classification" (ECCV 2018), section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

__all__ = ["PAPER_LEVELS", "AnchorLevel", "anchor_boxes", "level_grids"]

SIZE_IN_STRIDES = 1.5
"""Side of a box of scale 1, in strides of its map: 48, 96 and 192 pixels for strides of 32, 64 and 128."""

Grid = tuple[int, int]
"""Height and width of a map, or of a photo in pixels."""


@dataclass(frozen=True, slots=True)
class AnchorLevel:
    """The shapes of the boxes around each place of one map.

    Attributes:
        scales: Factors on the side.
        ratios: Height over width, at equal area.
    """

    scales: tuple[float, ...]
    ratios: tuple[float, ...] = (2 / 3, 1.0, 3 / 2)

    @property
    def shapes(self) -> list[tuple[float, float]]:
        """Height and width of each box, relative to the side of one of scale 1."""
        return [(scale * ratio**0.5, scale / ratio**0.5) for scale, ratio in product(self.scales, self.ratios)]


PAPER_LEVELS = (
    AnchorLevel((2 ** (1 / 3), 2 ** (2 / 3))),
    AnchorLevel((2 ** (1 / 3), 2 ** (2 / 3))),
    AnchorLevel((1.0, 2 ** (1 / 3), 2 ** (2 / 3))),
)


def level_grids(grid: Grid, count: int) -> list[Grid]:
    """Return the sizes of `count` maps, each half of the one before, rounded up (a 3x3 convolution of stride 2)."""
    grids = [grid]
    while len(grids) < count:
        height, width = grids[-1]
        grids.append(((height + 1) // 2, (width + 1) // 2))
    return grids


def anchor_boxes(image_size: Grid, grid: Grid, levels: Sequence[AnchorLevel] = PAPER_LEVELS) -> Tensor:
    """Return all boxes (A, 4), xyxy pixels; boxes near the border reach outside of the image.

    They are ordered by level, then by row, column and shape, as `Navigator` orders its scores.

    Args:
        image_size: Height and width of the image.
        grid: Height and width of the finest map; each further level halves it and doubles its stride.
        levels: The shapes at each level, the finest first.
    """
    boxes = []
    for depth, (level, size) in enumerate(zip(levels, level_grids(grid, len(levels)), strict=True)):
        strides = image_size[0] / grid[0] * 2**depth, image_size[1] / grid[1] * 2**depth
        boxes.append(_boxes_of_level(size, strides, level))
    return torch.cat(boxes)


def _boxes_of_level(grid: Grid, strides: tuple[float, float], level: AnchorLevel) -> Tensor:
    y, x = ((torch.arange(count) + 0.5) * stride for count, stride in zip(grid, strides, strict=True))
    centres = torch.stack([x[None, :].expand(grid), y[:, None].expand(grid)], -1)  # (H, W, 2), x before y
    sides = [(width * strides[1], height * strides[0]) for height, width in level.shapes]
    half = torch.tensor(sides) * SIZE_IN_STRIDES / 2  # (shapes, 2)
    corners = [centres[:, :, None] - half, centres[:, :, None] + half]
    return torch.cat(corners, -1).reshape(-1, 4)
