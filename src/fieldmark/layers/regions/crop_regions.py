"""Select a few boxes that do not overlap, and crop them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["choose_regions", "crop_regions"]


def choose_regions(boxes: Tensor, scores: Tensor, count: int, max_iou: float) -> Tensor:
    """Hard non-maximum suppression: choose the best box, then the best one that overlaps none of the chosen, and so on.

    All images of a batch share their boxes, so `count` steps over the whole batch suffice; the exported graph has no
    loop and no shape that depends on the scores. When no box without overlap is left, the best of the others follow, so
    the result always has `count` different boxes.

    Args:
        boxes: (A, 4), xyxy; at least `count`.
        scores: (B, A).
        count: R.
        max_iou: Two boxes overlap if their IoU exceeds this value.

    Returns:
        Indices (B, R) into `boxes`, by decreasing score.
    """
    from torchvision.ops import box_iou

    places = torch.arange(len(boxes), device=boxes.device)
    free = left = torch.ones_like(scores, dtype=torch.bool)
    chosen = []
    for _ in range(count):
        candidates = free | (left & ~free.any(1, keepdim=True))
        best = scores.detach().masked_fill(~candidates, -torch.inf).argmax(1)  # (B,)
        chosen.append(best)
        left = left & (places != best[:, None])
        free = free & left & (box_iou(boxes[best], boxes) <= max_iou)
    return torch.stack(chosen, 1)


def crop_regions(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Crop boxes (B, R, 4), xyxy pixels, of images (B, C, H, W) and resize them to (B * R, C, size, size).

    Each pixel of a crop is the mean over its part of the box, which avoids aliasing. No gradient reaches the boxes.
    """
    from torchvision.ops import roi_align

    photos = torch.arange(boxes.shape[0], device=boxes.device, dtype=boxes.dtype)
    index = photos[:, None, None].expand(-1, boxes.shape[1], -1)  # (B, R, 1)
    rows = torch.cat([index, boxes.detach()], 2).flatten(0, 1)  # (B * R, 5)
    crops: Tensor = roi_align(images, rows, size, aligned=True)
    return crops
