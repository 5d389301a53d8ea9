"""Jigsaw puzzles: shuffle the patches of an image, which keeps details smaller than a patch and removes the rest.

Source: Du, Chang, Bhunia, Xie, Ma, Song, Guo, "Fine-grained visual classification via progressive multi-granularity
training of jigsaw patches" (ECCV 2020), section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["jigsaw", "permute_patches"]


def jigsaw(images: Tensor, count: int) -> Tensor:
    """Cut each image into `count` times `count` patches and shuffle them, in a different order for each image.

    Args:
        images: (B, C, H, W).
        count: Patches along each side; 1 changes nothing.
    """
    return permute_patches(images, count, torch.rand(len(images), count**2, device=images.device).argsort(1))


def permute_patches(images: Tensor, count: int, order: Tensor) -> Tensor:
    """Cut each image into `count` times `count` patches and put them into another order.

    If a side is not divisible by `count`, the remainder at its end stays in place: no pixel is lost or resampled.

    Args:
        images: (B, C, H, W).
        count: Patches along each side.
        order: (B, count²), the patch that comes to each place, row by row.
    """
    batch, channels, height, width = images.shape
    patch_height, patch_width = height // count, width // count
    rows, columns = slice(count * patch_height), slice(count * patch_width)
    grid = images[:, :, rows, columns].reshape(batch, channels, count, patch_height, count, patch_width)
    patches = grid.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # (B, count², C, h, w)
    moved = patches[torch.arange(batch, device=images.device)[:, None], order]
    moved = moved.reshape(batch, count, count, channels, patch_height, patch_width)
    result = images.clone()
    result[:, :, rows, columns] = moved.permute(0, 3, 1, 4, 2, 5).reshape_as(result[:, :, rows, columns])
    return result
