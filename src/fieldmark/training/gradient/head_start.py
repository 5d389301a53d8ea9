"""The linear head of any method, fitted to the frozen rest of it before the first step.

A head drawn at random spends the first epochs bending the features towards its own noise. Where the head is one linear
layer, its best value for the features as they are is a convex problem, solved in seconds; its weights are then scaled
down, since a head that is sure of all its training photos leaves no gradient to learn from.

Source: Kumar, Raghunathan, Jones, Ma, Liang, "Fine-tuning can distort pretrained features and underperform
out-of-distribution" (ICLR 2022), which fine-tunes from the unscaled head.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fieldmark.layers.softmax_regression import fit_softmax
from fieldmark.methods.base import Method, Photos
from fieldmark.training.frozen.single_thread import one_thread_each

__all__ = ["start_head"]

logger = logging.getLogger(__name__)

_C = 15.0
"""Strength of the regression for rows of mean squared norm 1; the best or next to it wherever it was tried."""

_MAX_BYTES = 512 << 20
"""Photos whose rows would need more are left out, evenly: a start needs no more."""


def start_head(method: Method, photos: Photos, num_photos: int, scale: float, *, half: bool = False) -> None:
    """Fit the method's linear head on what it reads of the training photos and their mirror images, then scale it.

    Args:
        method: In evaluation mode; its `linear_head` is changed, and the statistics of its own batch norms.
        photos: The training photos.
        num_photos: How many they are.
        scale: Factor on the fitted weights and bias.
        half: Read the photos in bfloat16.
    """
    linear = method.linear_head
    assert linear is not None
    _settle_norms(method, photos, half)
    step = max(1, -(-8 * num_photos * linear.in_features // _MAX_BYTES))
    rows, labels = _rows(method, photos, step, half)
    center = rows.mean(0)
    rows -= center
    norm = float(np.sqrt(np.square(rows).sum(1).mean())) or 1.0
    rows /= norm
    device = linear.weight.device.type
    with one_thread_each(1) as pool:
        head = pool.submit(fit_softmax, rows, labels, method.num_classes, _C / 2, max_iter=60, device=device).result()
    right = float((head(rows).argmax(1) == labels).mean())
    logger.info(
        f"  head starts from a softmax regression, right on {right:.3f} of its {len(labels) // 2:,} training photos"
    )
    weight = torch.from_numpy(head.weight / norm)
    with torch.no_grad():
        linear.weight.copy_(scale * weight)
        linear.bias.copy_(scale * (torch.from_numpy(head.bias) - weight @ torch.from_numpy(center)))


@torch.no_grad()
def _settle_norms(method: Method, photos: Photos, half: bool) -> None:
    """Give new batch norms the statistics of the training photos, as training will.

    Fresh ones have mean 0 and variance 1 instead, and a head that is fitted so meets other features in training.
    """
    inside = {id(module) for backbone in method.backbones for module in backbone.modules()}
    kinds = nn.modules.batchnorm._BatchNorm
    norms = [each for each in method.modules() if isinstance(each, kinds) and id(each) not in inside]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    device = next(method.parameters()).device
    for images, _ in photos():
        if len(images) > 1:
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                method(images.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


@torch.no_grad()
def _rows(method: Method, photos: Photos, step: int, half: bool) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What the head reads of every `step`-th photo, (2 n, D), and the labels: each batch, then its mirror images."""
    assert method.linear_head is not None
    device = method.linear_head.weight.device
    rows: list[Tensor] = []
    labels: list[Tensor] = []
    seen = 0
    for images, classes in photos():
        chosen = slice(-seen % step, None, step)
        seen += len(images)
        if len(images[chosen]) == 0:
            continue
        both = torch.cat([images[chosen], images[chosen].flip(3)]).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            read = method.head_rows(method(both))
        rows.append(read.float().cpu())
        labels.append(classes[chosen].repeat(2))
    return torch.cat(rows).numpy(), torch.cat(labels).numpy()
