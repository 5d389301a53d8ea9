"""What a training photo goes through: crop, flip, colours and distortions; and the mixing of whole photos."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["INTERPOLATIONS", "Mixing", "build_augmentation", "build_mixing", "normalize"]

Mixing = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

INTERPOLATIONS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def build_augmentation(preprocess: Preprocess, settings: GradientSettings) -> Callable[[Tensor], Tensor]:
    """Upright photo (3, H, W) uint8 to (3, S, S) uint8, drawn from torch's global random state.

    A crop of random size and place (`crop_scale`) and a flip always; RandAugment where `randaugment` is not 0.
    """
    steps: list[v2.Transform] = [
        v2.RandomResizedCrop(
            preprocess.image_size,
            scale=(settings.crop_scale, 1.0),
            interpolation=INTERPOLATIONS[preprocess.interpolation],
            antialias=True,
        ),
        v2.RandomHorizontalFlip(),
    ]
    if settings.randaugment:
        grey = [round(255 * channel) for channel in preprocess.mean]
        steps.append(v2.RandAugment(num_ops=2, magnitude=settings.randaugment, fill=grey))
    augmentation: Callable[[Tensor], Tensor] = v2.Compose(steps)
    return augmentation


def build_mixing(settings: GradientSettings, num_classes: int) -> Mixing | None:
    """MixUp or CutMix of a batch, or one of both at random; labels (B,) become probabilities (B, K).

    Returns:
        None where the settings ask for neither.
    """
    mixings: list[v2.Transform] = []
    if settings.mixup:
        mixings.append(v2.MixUp(alpha=settings.mixup, num_classes=num_classes))
    if settings.cutmix:
        mixings.append(v2.CutMix(alpha=settings.cutmix, num_classes=num_classes))
    if not mixings:
        return None
    mixing: Mixing = mixings[0] if len(mixings) == 1 else v2.RandomChoice(mixings)
    return mixing


def normalize(images: Tensor, preprocess: Preprocess) -> Tensor:
    """(B, 3, S, S) uint8 to normalised float32 in channels-last memory, which convolutions read fastest."""
    mean = torch.tensor(preprocess.mean, device=images.device)[:, None, None]
    std = torch.tensor(preprocess.std, device=images.device)[:, None, None]
    pixels = images.to(torch.float32, memory_format=torch.channels_last)
    return pixels.div_(255).sub_(mean).div_(std)
