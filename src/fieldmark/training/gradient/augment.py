"""Augmentation of training photos: random crops and mirror images, RandAugment, MixUp and CutMix.

Every random number depends only on the seeds, so that any device and any number of processes gives the same
crops, and an interrupted run continues with the ones that it would have had.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as tv

from fieldmark.arrays import Bools, Float64s, Ints, Pixels
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["INTERPOLATIONS", "Crops", "crop_each", "distort_each", "draw_crops", "mix_photos", "normalize"]

INTERPOLATIONS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}

_ATTEMPTS = 10
_RATIO = (3 / 4, 4 / 3)


@dataclass(frozen=True, slots=True)
class Crops:
    """One window for each photo of a batch, in whole pixels of the photo.

    Attributes:
        top, left, height, width: (B,) int64.
        mirrored: (B,) bool; the crop is flipped from left to right.
    """

    top: Ints
    left: Ints
    height: Ints
    width: Ints
    mirrored: Bools

    def __len__(self) -> int:
        return len(self.top)


def draw_crops(seeds: Sequence[int], sizes: Ints, smallest: float) -> Crops:
    """Windows of random size, shape and place, each by its own seed; half of them mirrored.

    The distribution is that of torchvision's `RandomResizedCrop`: an area between `smallest` and all of the photo, a
    ratio of width to height between 3/4 and 4/3; after 10 windows that do not fit, the largest centred one.

    Args:
        seeds: One for each photo.
        sizes: (B, 2), height and width of each photo.
        smallest: Smallest fraction of the photo's area.
    """
    random = _uniforms(seeds, 2 * _ATTEMPTS + 3)
    tall, wide = sizes.T
    area = (tall * wide)[:, None] * (smallest + random[:, :_ATTEMPTS] * (1 - smallest))
    low, high = np.log(_RATIO)
    ratio = np.exp(low + random[:, _ATTEMPTS:-3] * (high - low))
    heights, widths = np.rint(np.sqrt(area / ratio)), np.rint(np.sqrt(area * ratio))
    fits = (heights > 0) & (heights <= tall[:, None]) & (widths > 0) & (widths <= wide[:, None])
    found, first = fits.any(1), (np.arange(len(fits)), fits.argmax(1))
    height = np.where(found, heights[first], np.minimum(tall, np.rint(wide / _RATIO[0])))
    width = np.where(found, widths[first], np.minimum(wide, np.rint(tall * _RATIO[1])))
    down, across, side = random[:, -3:].T
    top = np.where(found, np.floor(down * (tall - height + 1)), (tall - height) // 2)
    left = np.where(found, np.floor(across * (wide - width + 1)), (wide - width) // 2)
    top, left, height, width = np.stack([top, left, height, width]).astype(np.int64)
    return Crops(top, left, height, width, mirrored=side < 0.5)


def crop_each(photos: Sequence[Pixels], crops: Crops, preprocess: Preprocess) -> Tensor:
    """Cut and scale photos (H, W, 3) uint8 one after another, which is fastest on a CPU: (B, 3, S, S) uint8."""
    side = preprocess.image_size
    squares = torch.empty((len(photos), 3, side, side), dtype=torch.uint8, memory_format=torch.channels_last)
    windows = zip(crops.top, crops.left, crops.height, crops.width, strict=True)
    for square, pixels, window, mirrored in zip(squares, photos, windows, crops.mirrored, strict=True):
        photo = torch.from_numpy(pixels).permute(2, 0, 1)
        interpolation = INTERPOLATIONS[preprocess.interpolation]
        cut = tv.resized_crop(photo, *map(int, window), [side, side], interpolation, antialias=True)
        square.copy_(cut.flip(2) if mirrored else cut)
    return squares


def distort_each(squares: Tensor, seeds: Sequence[int], magnitude: int, preprocess: Preprocess) -> Tensor:
    """RandAugment of each crop (3, S, S) uint8, on the device where it lies, by a seed of its own."""
    grey = [round(255 * channel) for channel in preprocess.mean]
    distort: Callable[[Tensor], Tensor] = v2.RandAugment(num_ops=2, magnitude=magnitude, fill=grey)
    distorted = torch.empty_like(squares)
    with torch.random.fork_rng(devices=()):
        for place, seed in enumerate(seeds):
            torch.default_generator.manual_seed(int(seed))
            distorted[place] = distort(squares[place])
    return distorted


def mix_photos(
    images: Tensor, labels: Tensor, settings: GradientSettings, num_classes: int, seed: int
) -> tuple[Tensor, Tensor]:
    """MixUp or CutMix of each photo with the one before it in the batch, or either at random, by one seed.

    Returns:
        Images (B, 3, S, S) and class probabilities (B, K); images and labels (B,) as they are where the settings ask
        for neither.

    Source: Zhang, Cissé, Dauphin, Lopez-Paz, "mixup: Beyond empirical risk minimization" (ICLR 2018); Yun, Han, Oh,
    Chun, Choe, Yoo, "CutMix: Regularization strategy to train strong classifiers with localizable features"
    (ICCV 2019).
    """
    alphas = {name: alpha for name in ("mixup", "cutmix") if (alpha := getattr(settings, name))}
    if not alphas:
        return images, labels
    random = np.random.default_rng(seed)
    name = random.choice(list(alphas))
    kept = float(random.beta(alphas[name], alphas[name]))
    others = images.roll(1, 0)
    if name == "mixup":
        images = torch.lerp(others, images, kept)
    else:
        top, bottom, left, right = _window(images.shape[2], images.shape[3], kept, random)
        images = images.clone()
        images[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
        kept = 1 - (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
    truth = F.one_hot(labels, num_classes).float()
    return images, torch.lerp(truth.roll(1, 0), truth, kept)


def normalize(images: Tensor, preprocess: Preprocess) -> Tensor:
    """(B, 3, S, S) uint8 to normalised float32 in channels-last memory, which convolutions read fastest."""
    mean, std = _statistics(preprocess, images.device)
    return images.to(torch.float32, memory_format=torch.channels_last).sub_(mean).div_(std)


@functools.cache
def _statistics(preprocess: Preprocess, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of pixels up to 255, copied to the device once: each copy waits for all steps."""
    mean, std = 255 * torch.tensor([preprocess.mean, preprocess.std])[:, :, None, None]
    return mean.to(device), std.to(device)


def _window(height: int, width: int, kept: float, random: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a window with the area that is not kept, cut off at the photo's edges."""
    y, x = int(random.integers(height)), int(random.integers(width))
    half = 0.5 * math.sqrt(1 - kept)
    tall, wide = int(half * height), int(half * width)
    return max(y - tall, 0), min(y + tall, height), max(x - wide, 0), min(x + wide, width)


def _uniforms(seeds: Sequence[int], count: int) -> Float64s:
    """Numbers in [0, 1) for each seed, (B, count), as a hash of the seed and their position.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014): SplitMix64.
    """
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = np.array(seeds, dtype=np.uint64)[:, None] + steps
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits = (bits ^ (bits >> np.uint64(31))) >> np.uint64(11)
    uniform: Float64s = bits.astype(np.float64) * 2.0**-53
    return uniform
