"""Group channels that respond at the same places, by k-means of their peak positions.

Source: Zheng, Fu, Mei, Luo, "Learning multi-attention convolutional neural network for fine-grained image recognition"
(ICCV 2017), section 3.1.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["channel_peaks", "group_channels"]


def channel_peaks(feature_map: Tensor) -> Tensor:
    """Return where each channel is highest: (B, C, H, W) -> x and y between 0 and 1, (B, C, 2).

    A channel that is constant over the image has no peak: NaN.
    """
    height, width = feature_map.shape[2:]
    flat = feature_map.flatten(2)  # (B, C, H * W)
    best = flat.argmax(2)
    peaks = torch.stack([(best % width + 0.5) / width, (best // width + 0.5) / height], 2)
    silent = flat.amax(2) == flat.amin(2)
    return peaks.masked_fill(silent[:, :, None], float("nan"))


def group_channels(peaks: Tensor, num_groups: int, seed: int = 0) -> Tensor:
    """Cluster the channels by their peaks in all images.

    A missing peak is replaced by the channel's mean peak, so that channels without response do not form a group.

    Args:
        peaks: (n, C, 2) of n images; NaN for a channel without a peak.
        num_groups: At most C.
        seed: For the starts of k-means.

    Returns:
        Group of each channel, (C,), 0 to `num_groups` - 1.
    """
    from sklearn.cluster import KMeans

    places = _filled(peaks.cpu().double().numpy())
    vectors = places.transpose(1, 0, 2).reshape(places.shape[1], -1)  # (C, 2 n)
    groups = KMeans(num_groups, n_init=4, random_state=seed).fit_predict(vectors)
    return torch.from_numpy(np.asarray(groups, dtype=np.int64))


def _filled(peaks: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(peaks)
    sums = np.where(known, peaks, 0.0).sum(0)  # (C, 2)
    counts = known.sum(0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), 0.5)
    return np.where(known, peaks, means[None])
