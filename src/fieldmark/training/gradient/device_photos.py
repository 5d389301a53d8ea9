"""Photos in the memory of a GPU: the crops of a whole batch are cut and scaled there at once.

Scaling is linear in the pixels, along the rows and along the columns. A crop is therefore two products of matrices,
whose weights are those of torchvision's antialiased filters, and a batch of crops is two batched products.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fieldmark.arrays import Pixels
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.training.gradient.augment import Crops

__all__ = ["DevicePhotos", "scaling_weights"]


class DevicePhotos:
    """Photos (H, W, 3) uint8 of any sizes, one after another in one tensor (pixels, 3).

    Args:
        photos: At least one.
        device: Where they go.

    Attributes:
        sizes: (n, 2), height and width of each.
    """

    def __init__(self, photos: list[Pixels], device: torch.device) -> None:
        self.sizes = sizes = np.array([photo.shape[:2] for photo in photos], dtype=np.int64)
        self.device = device
        self.widths = torch.from_numpy(sizes[:, 1])
        self.starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes.prod(1))[:-1]]))
        self.pixels = torch.empty((int(sizes.prod(1).sum()), 3), dtype=torch.uint8, device=device)
        for start, photo in zip(self.starts.tolist(), photos, strict=True):
            flat = torch.from_numpy(photo).reshape(-1, 3)
            self.pixels[start : start + len(flat)].copy_(flat)

    def crop(self, indices: list[int], crops: Crops, preprocess: Preprocess) -> Tensor:
        """Crops of the photos with these positions, (B, 3, S, S) uint8, as `crop_each` gives them to one grey level."""
        side = preprocess.image_size
        windows = np.stack([crops.top, crops.left, crops.height, crops.width, crops.mirrored])
        table = torch.cat([torch.stack([self.starts[indices], self.widths[indices]]), torch.from_numpy(windows)])
        table = (table.pin_memory() if self.device.type == "cuda" else table).to(self.device, non_blocking=True)
        start, stride, top, left, height, width, mirrored = table
        tall, wide = int(crops.height.max()), int(crops.width.max())
        rows = torch.minimum(torch.arange(tall, device=self.device), height[:, None] - 1) + top[:, None]
        places = torch.minimum(torch.arange(wide, device=self.device), width[:, None] - 1) + left[:, None]
        cut = self.pixels[(start[:, None] + rows * stride[:, None])[:, :, None] + places[:, None]]
        # Half precision holds every pixel value exactly and has a unit of its own on every GPU.
        dtype = torch.float16 if self.device.type == "cuda" else torch.float32
        images = cut.permute(0, 3, 1, 2).to(dtype, memory_format=torch.contiguous_format)
        across = scaling_weights(width, side, wide, preprocess.interpolation, mirrored.bool()).to(dtype)
        down = scaling_weights(height, side, tall, preprocess.interpolation).to(dtype)
        images = (images @ across.mT[:, None]).clamp_(0, 255)
        images = (down[:, None] @ images).clamp_(0, 255)
        return images.round_().to(torch.uint8)


def scaling_weights(
    lengths: Tensor, size: int, longest: int, interpolation: str, mirrored: Tensor | None = None
) -> Tensor:
    """Weights (B, size, longest) with which each of `size` output pixels sums the first `lengths` input pixels.

    They are those of torchvision's antialiased scaling: the filter is as wide as an output pixel where that is larger
    than an input pixel.

    Args:
        lengths: (B,), at most `longest`.
        size: Pixels after scaling.
        longest: Columns of the result.
        interpolation: ``bilinear`` or ``bicubic``.
        mirrored: (B,), where the order of the output pixels is reversed.
    """
    output = torch.arange(size, device=lengths.device).expand(len(lengths), size)
    if mirrored is not None:
        output = torch.where(mirrored[:, None], size - 1 - output, output)
    scale = (lengths / size)[:, None]
    centre = scale * (output + 0.5)
    pixel = torch.arange(longest, device=lengths.device)
    distance = (pixel + 0.5 - centre[:, :, None]).abs_() / scale.clamp_min(1)[:, :, None]
    weights = _bicubic(distance) if interpolation == "bicubic" else (1 - distance).clamp_min_(0)
    weights *= pixel < lengths[:, None, None]
    return weights / weights.sum(2, keepdim=True)


def _bicubic(distance: Tensor) -> Tensor:
    """Keys' kernel with a = -1/2."""
    near = (1.5 * distance - 2.5) * distance.square() + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))
