"""A differentiable crop: a soft box mask over the image, then a bilinear zoom into the box.

Source: Fu, Zheng, Mei, "Look closer to see better: recurrent attention convolutional neural network for fine-grained
image recognition" (CVPR 2017), section 3.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["boxcar_crop", "boxcar_mask"]


def boxcar_mask(boxes: Tensor, size: tuple[int, int], sharpness: float = 10.0) -> Tensor:
    """Return a mask that is near 1 inside each box and near 0 outside, with soft edges for gradients.

    Args:
        boxes: (B, 4), xyxy pixels; x2 and y2 are exclusive.
        size: Height and width of the image in pixels.
        sharpness: k of the logistic function, per pixel.

    Returns:
        (B, H, W).
    """
    x1, y1, x2, y2 = boxes.unbind(1)
    height, width = size
    return _boxcar(y1, y2, height, sharpness)[:, :, None] * _boxcar(x1, x2, width, sharpness)[:, None, :]


def boxcar_crop(images: Tensor, boxes: Tensor, side: int, sharpness: float = 10.0) -> Tensor:
    """Crop each image to its box and resize to a square; differentiable in the boxes and in the images.

    Args:
        images: (B, 3, H, W), normalised: outside of the box they become zero, the mean colour.
        boxes: (B, 4), xyxy pixels, inside the image.
        side: Of the crops in pixels.
        sharpness: Of the mask.

    Returns:
        (B, 3, side, side).
    """
    height, width = images.shape[2:]
    masked = images * boxcar_mask(boxes, (height, width), sharpness)[:, None]
    x1, y1, x2, y2 = boxes.unbind(1)
    columns = _places(x1, x2, side, width)[:, None, :].expand(-1, side, -1)
    rows = _places(y1, y2, side, height)[:, :, None].expand(-1, -1, side)
    grid = torch.stack([columns, rows], 3)  # (B, side, side, 2)
    return F.grid_sample(masked, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _boxcar(start: Tensor, stop: Tensor, count: int, sharpness: float) -> Tensor:
    """Return one axis of the mask: edges (B,) to values (B, count) at the pixel centres."""
    centres = torch.arange(count, device=start.device, dtype=start.dtype) + 0.5
    rising = torch.sigmoid(sharpness * (centres - start[:, None]))
    return rising - torch.sigmoid(sharpness * (centres - stop[:, None]))


def _places(start: Tensor, stop: Tensor, side: int, count: int) -> Tensor:
    """Return the centres of `side` equal pieces of an axis, (B, side); -1 and 1 are the image's outer edges."""
    centres = (torch.arange(side, device=start.device, dtype=start.dtype) + 0.5) / side
    pixels = start[:, None] + centres * (stop - start)[:, None]
    return 2 * pixels / count - 1
