"""Part boxes from annotated points; clip, widen and mirror boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["BIRD_PARTS", "PartBoxes", "clip_boxes", "mirror_boxes", "part_groups", "present", "widen_boxes"]

BIRD_PARTS: dict[str, tuple[str, ...]] = {
    "head": ("beak", "crown", "forehead", "left eye", "right eye", "nape", "throat"),
    "body": (
        "back",
        "belly",
        "breast",
        "left leg",
        "right leg",
        "left wing",
        "right wing",
        "tail",
    ),
}
"""The two parts of Zhang et al. (ECCV 2014), from the 15 points of CUB-200-2011."""

_PADDING = 0.1
"""Margin around the points of a part, as a fraction of the object's side."""

_LEAST_SHARE = 0.3
"""A part of which less than this fraction is inside the image counts as missing."""


def part_groups(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return part -> points for these point names: head and body for birds, else each point is its own part."""
    birds = {part: tuple(name for name in names if name in group) for part, group in BIRD_PARTS.items()}
    if all(len(group) >= 2 for group in birds.values()):
        return birds
    return {name: (name,) for name in names}


class PartBoxes:
    """Compute the box of each part from the object's box and the points.

    A part of several points is the box around the visible ones, with a margin of a tenth of the object's side (the
    square root of its area), inside of the object's box. With fewer than two visible points, the part is missing. A
    part of one point is a square around it.

    Args:
        parts: Part -> names of its points.
        fraction: Side of the square around a single point, as a fraction of the object's side.
    """

    def __init__(self, parts: Mapping[str, Sequence[str]], fraction: float = 0.3) -> None:
        self.parts = {part: tuple(points) for part, points in parts.items()}
        self.points = tuple(dict.fromkeys(point for points in self.parts.values() for point in points))
        self.fraction = fraction

    def __call__(self, boxes: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the boxes of the object and its parts.

        Args:
            boxes: The object, (B, 4), NaN without one.
            points: (B, number of `points`, 2), NaN where not visible.
            size: Width and height of the images.

        Returns:
            (B, 1 + P, 4), the object first, clipped to the image; NaN where missing.
        """
        side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
        found = [self._part(points[:, self._places(part)], boxes, side) for part in self.parts]
        whole = torch.stack([boxes, *found], 1)
        shown = clip_boxes(whole, size)
        return torch.where((_area(shown) >= _LEAST_SHARE * _area(whole))[..., None], shown, torch.nan)

    def _places(self, part: str) -> list[int]:
        return [self.points.index(point) for point in self.parts[part]]

    def _part(self, points: Tensor, boxes: Tensor, side: Tensor) -> Tensor:
        """Return the box (B, 4) of one part from its points (B, n, 2); NaN where missing."""
        visible = ~points.isnan().any(2)  # (B, n)
        single = points.shape[1] == 1
        margin = (self.fraction / 2 if single else _PADDING) * side[:, None]
        low = points.nan_to_num(torch.inf).amin(1) - margin
        high = points.nan_to_num(-torch.inf).amax(1) + margin
        if not single:
            low, high = torch.maximum(low, boxes[:, :2]), torch.minimum(high, boxes[:, 2:])
        enough = visible.sum(1) >= (1 if single else 2)
        part = torch.cat([low, high], 1)
        return torch.where((enough & present(boxes) & (high > low).all(1))[:, None], part, torch.nan)


def present(boxes: Tensor) -> Tensor:
    """Return whether there is a box: (..., 4) -> (...)."""
    return ~boxes.isnan().any(-1)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Clip boxes (..., 4) to an image of that width and height."""
    x, y = boxes[..., 0::2].clamp(0, size[0]), boxes[..., 1::2].clamp(0, size[1])
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1)


def widen_boxes(boxes: Tensor, factor: float) -> Tensor:
    """Scale boxes (..., 4) around their centres; sides become `factor` times as long."""
    centre, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) * (factor / 2)
    return torch.cat([centre - half, centre + half], -1)


def mirror_boxes(boxes: Tensor, width: int) -> Tensor:
    """Return boxes (..., 4) in the mirror image of an image of that width."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([width - x2, y1, width - x1, y2], -1)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
