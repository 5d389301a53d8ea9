"""Mutual-channel loss: each class owns a group of channels, which must be discriminative and diverse.

Source: Chang, Ding, Xie, Bhunia, Li, Ma, Wu, Guo, Song, "The devil is in the channels: mutual-channel loss for
fine-grained image classification" (IEEE TIP 2020), section III.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fieldmark.layers.precision import at_least_float32

__all__ = ["ClassChannels"]


class ClassChannels(nn.Module):
    """Channels in consecutive groups, one for each class, whose sizes differ by one at most; larger groups come last.

    Args:
        channels: C, at least K.
        num_classes: K.

    Raises:
        ValueError: There are fewer channels than classes.
    """

    groups: Tensor
    sizes: Tensor

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        if channels < num_classes:
            raise ValueError(f"{num_classes} classes need at least as many channels, but there are {channels}")
        size, larger = divmod(channels, num_classes)
        sizes = torch.full((num_classes,), size)
        sizes[num_classes - larger :] += 1
        last = sizes.cumsum(0) - 1  # (K,)
        slots = torch.arange(size + bool(larger))
        # (K, X); a smaller group repeats its last channel, which changes no maximum.
        groups = torch.minimum((last - sizes + 1)[:, None] + slots, last[:, None])
        self.channels = channels
        self.register_buffer("groups", groups, persistent=False)
        self.register_buffer("sizes", sizes, persistent=False)

    def draw_kept(self) -> Tensor:
        """Return a random mask (C,) of 0 and 1 that drops half of the channels of each class, rounded down."""
        slots = torch.arange(self.groups.shape[1], device=self.groups.device)
        scores = torch.rand(self.groups.shape, device=self.groups.device)
        scores = scores.masked_fill(slots >= self.sizes[:, None], 2.0)  # repeated channels come last
        rank = scores.argsort(1).argsort(1)
        kept = torch.ones(self.channels, device=self.groups.device)
        kept[self.groups[rank < (self.sizes // 2)[:, None]]] = 0.0
        return kept

    def discriminality(self, feature_map: Tensor, kept: Tensor) -> Tensor:
        """Return the response of each class's channels, (B, K): the logits of the paper's L_dis.

        At each place, the largest of a class's channels is taken; the result is averaged over places.

        Args:
            feature_map: (B, C, H, W).
            kept: (C,), see `draw_kept`; a dropped channel counts zero.
        """
        values = at_least_float32(feature_map) * kept[:, None, None]
        return values[:, self.groups].amax(2).mean((2, 3))

    def diversity(self, feature_map: Tensor) -> Tensor:
        """Return how differently the channels of a class are placed, (B,): the paper's L_div, from 1 to the group size.

        Each channel becomes a distribution over places. At each place, the largest of a class's channels is taken; the
        sum over places is 1 where all channels agree, and the group size where they do not overlap.
        """
        places = torch.softmax(at_least_float32(feature_map).flatten(2), 2)  # (B, C, N)
        return places[:, self.groups].amax(2).sum(2).mean(1)
