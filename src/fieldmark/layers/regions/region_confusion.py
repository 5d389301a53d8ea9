"""Region confusion: shuffle the regions of an image among their neighbours, and predict where each came from.

Source: Chen, Bai, Zhang, Mei, "Destruction and construction learning for fine-grained image recognition" (CVPR 2019),
sections 3.1 and 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fieldmark.layers.regions.jigsaw import permute_patches

__all__ = ["confuse_regions", "draw_neighbourhood_order", "region_centers"]


def confuse_regions(images: Tensor, count: int, reach: int) -> tuple[Tensor, Tensor]:
    """Cut each image into `count` times `count` regions and shuffle them among their neighbours.

    The regions of each row change places, then those of each column; see `draw_neighbourhood_order`.

    Args:
        images: (B, C, H, W).
        count: Regions along each side, N.
        reach: k; a region moves by less than 2 k places along each side.

    Returns:
        The shuffled images, and the region that comes to each place, (B, N²), row by row.
    """
    batch, device = len(images), images.device
    along_rows = draw_neighbourhood_order(batch * count, count, reach, device).reshape(batch, count, count)
    along_columns = draw_neighbourhood_order(batch * count, count, reach, device).reshape(batch, count, count)
    places = torch.arange(count**2, device=device).reshape(1, count, count).expand(batch, -1, -1)
    places = places.gather(2, along_rows).gather(1, along_columns.transpose(1, 2))
    order = places.flatten(1)
    return permute_patches(images, count, order), order


def draw_neighbourhood_order(rows: int, count: int, reach: int, device: torch.device | None = None) -> Tensor:
    """Return random permutations (rows, count) that move no index by 2 `reach` or more (section 3.1).

    Each index i becomes i + r with r uniform between -reach and reach; sorting these values gives the permutation.
    """
    noise = reach * (2 * torch.rand(rows, count, device=device) - 1)
    return (torch.arange(count, device=device) + noise).argsort(1)


def region_centers(order: Tensor, count: int) -> Tensor:
    """Return where the region at each place comes from: the centre of its place in the original image.

    Args:
        order: (B, N²), of `confuse_regions`.
        count: N.

    Returns:
        (B, 2, N, N), x and y from -1 (left, top edge) to 1 (right, bottom edge).
    """
    x, y = order % count, order // count
    centers = torch.stack([x, y], 1).reshape(len(order), 2, count, count)
    return (2 * centers + 1) / count - 1
