"""A dense one-stage detector of one object and its parts: scores and shifts of each for every anchor box.

It is built like RetinaNet: anchor boxes, shifts relative to them, focal loss. Every shape depends only on the size of
the photo, so that it exports to a graph without loops.

Source: Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection" (ICCV 2017).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.layers.precision import without_autocast
from fieldmark.layers.regions.part_boxes import clip_boxes, present
from fieldmark.layers.regions.part_geometry import boxes_at, relative_geometry

__all__ = ["Candidates", "Detections", "PartDetector", "anchor_grid"]

SIDES = (0.12, 0.2, 0.32, 0.5, 0.75)
"""Sides of the anchor boxes, as fractions of the image's side."""

RATIOS = (0.5, 1.0, 2.0)
"""Height over width."""

PRIOR = 0.01
"""Initial score of every anchor box."""

POSITIVE, NEGATIVE = 0.5, 0.4
"""IoU with the true box from which on an anchor box must find it, and below which it must find nothing."""

EARLY, DUPLICATE = 64, 0.7
"""Number of candidates with the highest scores; those that overlap a better one by this IoU are dropped."""


class Detections(NamedTuple):
    """The output for every anchor box, for R = 1 + P things, the object first.

    Attributes:
        logits: (B, R, A), before the sigmoid.
        shifts: (B, R, A, 4), as `relative_geometry` gives them.
        anchors: (A, 4), xyxy pixels.
        size: Width and height of the images.
    """

    logits: Tensor
    shifts: Tensor
    anchors: Tensor
    size: tuple[int, int]


class Candidates(NamedTuple):
    """The best boxes (B, R, N, 4) of each thing and their scores (B, R, N) between 0 and 1, by decreasing score."""

    boxes: Tensor
    scores: Tensor


class PartDetector(nn.Module):
    """A shared tower, then one convolution for scores and one for shifts.

    Args:
        channels: Channels of each map, the finest first.
        num_things: R, the object and its parts.
        width: Channels of the tower.
    """

    def __init__(self, channels: list[int], num_things: int, width: int = 128) -> None:
        super().__init__()
        shapes = len(SIDES) * len(RATIOS)
        self.num_things = num_things
        self.width = width
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.norm = nn.GroupNorm(8, width)
        self.tower = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(8, width), nn.ReLU())
        self.scores = nn.Conv2d(width, shapes * num_things, 3, padding=1)
        self.shifts = nn.Conv2d(width, shapes * num_things * 4, 3, padding=1)
        for layer in (self.scores, self.shifts):
            nn.init.normal_(layer.weight, std=0.01)
        nn.init.constant_(self.scores.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]
        nn.init.zeros_(self.shifts.bias)  # type: ignore[arg-type]

    def pyramid(self, maps: list[Tensor]) -> Tensor:
        """Merge maps (B, C_i, H_i, W_i) into one of the size of the finest, (B, width, H, W)."""
        merged = self.lateral[0](maps[0])
        for convolve, coarse in zip(list(self.lateral)[1:], maps[1:], strict=True):
            merged = merged + F.interpolate(convolve(coarse), size=merged.shape[2:], mode="bilinear")
        return F.relu(self.norm(merged))

    def forward(self, merged: Tensor, size: tuple[int, int]) -> Detections:
        """Score all anchor boxes from the map of `pyramid`, for images of that width and height."""
        features = self.tower(merged)
        logits = self._by_anchor(self.scores(features), 1)[..., 0]
        shifts = self._by_anchor(self.shifts(features), 4)
        grid = (int(merged.shape[2]), int(merged.shape[3]))
        return Detections(logits, shifts, anchor_grid(size, grid).to(merged.device), size)

    def candidates(self, detections: Detections, count: int) -> Candidates:
        """Return the best boxes of each thing, clipped to the image, without near-duplicates."""
        from torchvision.ops import box_iou

        anchors = detections.anchors
        early = min(EARLY, len(anchors))
        scores, best = detections.logits.sigmoid().topk(early, 2)  # (B, R, E)
        shifts = detections.shifts.gather(2, best[..., None].expand(-1, -1, -1, 4))
        boxes = clip_boxes(boxes_at(anchors[best], shifts), detections.size)
        overlaps = box_iou(boxes, boxes).triu(1).amax(2)  # with any better one, (B, R, E)
        scores, order = scores.masked_fill(overlaps > DUPLICATE, 0.0).topk(min(count, early), 2)
        return Candidates(boxes.gather(2, order[..., None].expand(-1, -1, -1, 4)), scores)

    def loss(self, detections: Detections, truth: Tensor) -> Tensor:
        """Return the focal loss of the scores plus the smooth L1 loss of the shifts, for each true box.

        Args:
            detections: Of B images.
            truth: (B, R, 4), NaN where missing. An image without an object does not count; a missing part must be
                found nowhere.
        """
        from torchvision.ops import sigmoid_focal_loss

        with without_autocast(detections.logits):
            logits, shifts = detections.logits.float(), detections.shifts.float()
            wanted, counts = self._targets(detections.anchors, truth)
            focal = sigmoid_focal_loss(logits, wanted.float()) * counts
            aims = self._aims(detections.anchors, truth)
            distance = F.smooth_l1_loss(shifts, aims, beta=0.1, reduction="none").mean(3)
            found = wanted.sum().clamp_min(1)
            loss: Tensor = (focal.sum() + (distance * wanted).sum()) / found
            return loss

    @torch.no_grad()
    def _targets(self, anchors: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Return which anchor boxes must find each thing, and which count in the loss: two masks (B, R, A)."""
        from torchvision.ops import box_iou

        there = present(truth)  # (B, R)
        overlaps = box_iou(truth.nan_to_num(0.0), anchors)  # (B, R, A)
        best = overlaps == overlaps.amax(2, keepdim=True)  # at least one anchor box must find each thing
        wanted = ((overlaps >= POSITIVE) | best) & there[..., None]
        undecided = (overlaps >= NEGATIVE) & ~wanted & there[..., None]
        return wanted, ~undecided & there[:, :1, None]

    @torch.no_grad()
    def _aims(self, anchors: Tensor, truth: Tensor) -> Tensor:
        """Return the shifts from each anchor box to each true box, (B, R, A, 4); zero where missing."""
        return relative_geometry(anchors, truth[:, :, None]).nan_to_num(0.0)

    def _by_anchor(self, output: Tensor, values: int) -> Tensor:
        """Reshape (B, shapes * R * values, H, W) to (B, R, H * W * shapes, values), in the order of `anchor_grid`."""
        batch, _, height, width = output.shape
        split = output.reshape(batch, -1, self.num_things, values, int(height), int(width))
        places = int(height) * int(width) * int(split.shape[1])
        return split.permute(0, 2, 4, 5, 1, 3).reshape(batch, self.num_things, places, values)


def anchor_grid(size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Return all anchor boxes (A, 4), by row, column and shape.

    Args:
        size: Width and height of the image.
        grid: Height and width of the map.
    """
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    sides = tuple(share * min(size) for share in SIDES)
    steps = [torch.tensor(size[1] / grid[0]), torch.tensor(size[0] / grid[1])]
    corners = AnchorGenerator((sides,), (RATIOS,)).grid_anchors([list(grid)], [steps])[0]
    boxes: Tensor = corners + torch.stack([steps[1], steps[0]]).repeat(2) / 2  # from corners of cells to their centres
    return boxes
