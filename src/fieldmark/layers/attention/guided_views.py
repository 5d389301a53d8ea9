"""Attention-guided cropping and dropping. No gradient passes through the choice of either.

Source: Hu, Qi, "See better before looking closer: weakly supervised data augmentation network for fine-grained visual
classification" (2019), sections 3.2 and 3.3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["attention_box", "choose_maps", "crop_and_resize", "drop_attended", "map_probabilities"]


def map_probabilities(attention_maps: Tensor) -> Tensor:
    """Return the probability to choose each map, proportional to the root of its mean: (B, M, H, W) -> (B, M).

    If all maps are zero, all are equally likely.
    """
    weight = attention_maps.detach().float().mean((2, 3)).clamp_min(0).sqrt() + 1e-6
    return weight / weight.sum(1, keepdim=True)


def choose_maps(attention_maps: Tensor) -> Tensor:
    """Draw one map for each image by `map_probabilities`: (B, M, H, W) -> (B, H, W)."""
    chosen = torch.multinomial(map_probabilities(attention_maps), 1)[:, 0]
    return attention_maps.detach()[torch.arange(len(chosen), device=chosen.device), chosen]


def attention_box(attention: Tensor, size: tuple[int, int], threshold: Tensor, padding: float) -> Tensor:
    """Return the box around all pixels whose attention is at least a fraction of the maximum.

    Args:
        attention: (B, H, W), not negative.
        size: Height and width of the image in pixels.
        threshold: Fraction of each image's maximum, (B,), between 0 and 1.
        padding: Margin on each side of the box, as a fraction of the image's side; clipped to the image.

    Returns:
        (B, 4), xyxy pixels; x2 and y2 are exclusive. The whole image if the attention is zero.
    """
    fine = _upsample(attention, size)
    inside = (fine >= threshold[:, None, None] * fine.amax((1, 2), keepdim=True)).float()
    y1, y2 = _extent(inside.amax(2), padding)
    x1, x2 = _extent(inside.amax(1), padding)
    return torch.stack([x1, y1, x2, y2], 1)


def crop_and_resize(images: Tensor, boxes: Tensor) -> Tensor:
    """Crop each image to its box and resize to the size of the whole: (B, 3, H, W), boxes (B, 4) -> (B, 3, H, W)."""
    height, width = images.shape[2:]
    x = _sample_places(boxes[:, 0], boxes[:, 2], width)  # (B, W); -1 and 1 are the outer edges of the image
    y = _sample_places(boxes[:, 1], boxes[:, 3], height)  # (B, H)
    columns = x[:, None, :].expand(-1, height, -1)
    rows = y[:, :, None].expand(-1, -1, width)
    grid = torch.stack([columns, rows], 3).to(images.dtype)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def drop_attended(images: Tensor, attention: Tensor, threshold: Tensor) -> Tensor:
    """Set the pixels whose attention exceeds a fraction of the maximum to zero.

    Args:
        images: (B, 3, H, W), normalised: zero is the mean colour.
        attention: (B, H', W'), not negative. If it is all zero, nothing is dropped.
        threshold: Fraction of each image's maximum, (B,).
    """
    fine = _upsample(attention, (images.shape[2], images.shape[3]))
    kept = fine <= threshold[:, None, None] * fine.amax((1, 2), keepdim=True)
    return images * kept[:, None].to(images.dtype)


def _upsample(attention: Tensor, size: tuple[int, int]) -> Tensor:
    maps = attention.detach().float()[:, None]
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)[:, 0]


def _extent(inside: Tensor, padding: float) -> tuple[Tensor, Tensor]:
    """Return the first and one past the last 1 of each row (B, n), moved apart by the padding."""
    count = inside.shape[1]
    places = torch.arange(count, device=inside.device, dtype=inside.dtype)
    first = torch.where(inside > 0, places, float(count)).amin(1)
    last = torch.where(inside > 0, places + 1, 0.0).amax(1)
    return (first - padding * count).clamp_min(0.0), (last + padding * count).clamp_max(float(count))


def _sample_places(start: Tensor, stop: Tensor, count: int) -> Tensor:
    """Centres of `count` equal pieces between start and stop (B,), in the coordinates of `grid_sample`."""
    centres = (torch.arange(count, device=start.device, dtype=start.dtype) + 0.5) / count
    pixels = start[:, None] + centres * (stop - start)[:, None]
    return 2 * pixels / count - 1
