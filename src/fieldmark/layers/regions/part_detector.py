"""A dense one-stage detector of one object and its parts: for each anchor box the scores and shifts of all of them.

Its pieces are those of torchvision's RetinaNet: anchor boxes, box coder, matcher, focal loss. Every shape depends on
the size of the photo alone, so that it exports to a graph without loops.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.layers.precision import without_autocast
from fieldmark.layers.regions.part_boxes import clip_boxes, present

__all__ = ["Candidates", "Detections", "PartDetector", "anchor_grid"]

SIDES = (0.12, 0.2, 0.32, 0.5, 0.75)
"""Of anchor boxes, as shares of the photo's side."""

RATIOS = (0.5, 1.0, 2.0)
"""Height over width."""

PRIOR = 0.01
"""Score before anything is learned."""

POSITIVE, NEGATIVE = 0.5, 0.4
"""Anchor boxes that overlap the true box as much are to find it; those below the other are to find nothing."""

EARLY, DUPLICATE = 64, 0.7
"""Candidates of highest score, of which those go that overlap a better one as much."""


class Detections(NamedTuple):
    """What is said of every anchor box: R = 1 + P things, the object first.

    Attributes:
        logits: (B, R, A), before the sigmoid.
        shifts: (B, R, A, 4), as the box coder reads them.
        anchors: (A, 4), xyxy pixels.
        size: Width and height of the photos.
    """

    logits: Tensor
    shifts: Tensor
    anchors: Tensor
    size: tuple[int, int]


class Candidates(NamedTuple):
    """The best boxes (B, R, N, 4) of each thing and their scores (B, R, N) between 0 and 1, by falling score."""

    boxes: Tensor
    scores: Tensor


class PartDetector(nn.Module):
    """Two convolutions shared by all things, then one for scores and one for shifts.

    Args:
        channels: Of each map, the finest first.
        num_things: R, object and parts.
        width: Channels between.
    """

    def __init__(self, channels: list[int], num_things: int, width: int = 128) -> None:
        super().__init__()
        from torchvision.models.detection._utils import BoxCoder, Matcher

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
        self.coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.matcher = Matcher(POSITIVE, NEGATIVE, allow_low_quality_matches=True)

    def pyramid(self, maps: list[Tensor]) -> Tensor:
        """The maps (B, C_i, H_i, W_i) in one of the finest's size, (B, width, H, W)."""
        merged = self.lateral[0](maps[0])
        for convolve, coarse in zip(list(self.lateral)[1:], maps[1:], strict=True):
            merged = merged + F.interpolate(convolve(coarse), size=merged.shape[2:], mode="bilinear")
        return F.relu(self.norm(merged))

    def forward(self, merged: Tensor, size: tuple[int, int]) -> Detections:
        """What the map of `pyramid` says of photos of that width and height."""
        features = self.tower(merged)
        logits = self._by_anchor(self.scores(features), 1)[..., 0]
        shifts = self._by_anchor(self.shifts(features), 4)
        grid = (int(merged.shape[2]), int(merged.shape[3]))
        return Detections(logits, shifts, anchor_grid(size, grid).to(merged.device), size)

    def candidates(self, detections: Detections, count: int) -> Candidates:
        """The best boxes of each thing, without those that nearly repeat a better one, on the photo."""
        from torchvision.ops import box_iou

        anchors = detections.anchors
        early = min(EARLY, len(anchors))
        scores, best = detections.logits.sigmoid().topk(early, 2)  # (B, R, E)
        shifts = detections.shifts.gather(2, best[..., None].expand(-1, -1, -1, 4))
        decoded = self.coder.decode_single(shifts.reshape(-1, 4), anchors[best.reshape(-1)])
        boxes = clip_boxes(decoded.reshape(-1, self.num_things, early, 4), detections.size)
        overlaps = box_iou(boxes, boxes).triu(1).amax(2)  # with any better one, (B, R, E)
        scores, order = scores.masked_fill(overlaps > DUPLICATE, 0.0).topk(min(count, early), 2)
        return Candidates(boxes.gather(2, order[..., None].expand(-1, -1, -1, 4)), scores)

    def loss(self, detections: Detections, truth: Tensor) -> Tensor:
        """Focal loss of the scores and L1 of the shifts, for each true box.

        Args:
            detections: Of B photos.
            truth: (B, R, 4), NaN where missing. A photo without an object counts for nothing; a missing part is to
                be found nowhere.
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
        """Which anchor boxes are to find each thing, and which count at all: two masks (B, R, A)."""
        from torchvision.ops import box_iou

        there = present(truth)  # (B, R)
        overlaps = box_iou(truth.nan_to_num(0.0), anchors)  # (B, R, A)
        matched = torch.stack([self.matcher(row[None]) for row in overlaps.flatten(0, 1)]).reshape_as(overlaps)
        wanted = (matched >= 0) & there[..., None]
        undecided = (matched == self.matcher.BETWEEN_THRESHOLDS) & there[..., None]
        return wanted, ~undecided & there[:, :1, None]

    @torch.no_grad()
    def _aims(self, anchors: Tensor, truth: Tensor) -> Tensor:
        """The shifts that turn each anchor box into each true box, (B, R, A, 4); zero where that is missing."""
        batch, things = truth.shape[:2]
        boxes = truth[:, :, None].expand(-1, -1, len(anchors), -1).reshape(-1, 4)
        aims: Tensor = self.coder.encode_single(boxes, anchors.repeat(batch * things, 1))
        return aims.nan_to_num(0.0).reshape(batch, things, len(anchors), 4)

    def _by_anchor(self, output: Tensor, values: int) -> Tensor:
        """(B, shapes * R * values, H, W) -> (B, R, H * W * shapes, values), in the order of `anchor_grid`."""
        batch, _, height, width = output.shape
        split = output.reshape(batch, -1, self.num_things, values, int(height), int(width))
        places = int(height) * int(width) * int(split.shape[1])
        return split.permute(0, 2, 4, 5, 1, 3).reshape(batch, self.num_things, places, values)


def anchor_grid(size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """All anchor boxes (A, 4), by row, column and shape.

    Args:
        size: Width and height of the photo.
        grid: Height and width of the map.
    """
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    sides = tuple(share * min(size) for share in SIDES)
    steps = [torch.tensor(size[1] / grid[0]), torch.tensor(size[0] / grid[1])]
    corners = AnchorGenerator((sides,), (RATIOS,)).grid_anchors([list(grid)], [steps])[0]
    boxes: Tensor = corners + torch.stack([steps[1], steps[0]]).repeat(2) / 2  # from corners of cells to their centres
    return boxes
