"""Jigsaw puzzles: shuffle the patches of an image, which keeps details smaller than a patch and removes the rest.

Source: Du, Chang, Bhunia, Xie, Ma, Song, Guo, "Fine-grained visual classification via progressive multi-granularity
training of jigsaw patches" (ECCV 2020), section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["jigsaw"]


def jigsaw(images: Tensor, count: int) -> Tensor:
    """Cut each image into `count` times `count` patches and shuffle them, in a different order for each image.

    If a side is not divisible by `count`, the remainder at its end stays in place: no pixel is lost or resampled.

    Args:
        images: (B, C, H, W).
        count: Patches along each side; 1 changes nothing.
    """
    batch, channels, height, width = images.shape
    patch_height, patch_width = height // count, width // count
    rows, columns = slice(count * patch_height), slice(count * patch_width)
    grid = images[:, :, rows, columns].reshape(batch, channels, count, patch_height, count, patch_width)
    patches = grid.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # (B, count², C, h, w)
    order = torch.rand(batch, count**2, device=images.device).argsort(1)
    shuffled = patches[torch.arange(batch, device=images.device)[:, None], order]
    shuffled = shuffled.reshape(batch, count, count, channels, patch_height, patch_width)
    result = images.clone()
    result[:, :, rows, columns] = shuffled.permute(0, 3, 1, 4, 2, 5).reshape_as(result[:, :, rows, columns])
    return result
