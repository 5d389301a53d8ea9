"""Geometric constraints of Part R-CNN, and the best configuration of object and parts.

Source: Zhang, Donahue, Girshick, Darrell, "Part-based R-CNNs for fine-grained category detection" (ECCV 2014),
sections 3.1 and 3.2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Configuration", "PartMemory", "best_configuration", "boxes_at", "inside", "relative_geometry"]

SLACK = 0.02
"""How far a part may reach out of the object, as a fraction of the image's side: 10 pixels of 500."""

MISSING = 0.05
"""A part whose best candidate scores less is missing; it then counts with this score."""

SPREAD = 0.1
"""Minimum standard deviation of the neighbours' geometry, in sides of the object."""


LARGEST = math.log(62.5)
"""Logarithm of the largest ratio of sides in `boxes_at`: larger numbers would overflow."""


class Configuration(NamedTuple):
    """An object and its parts.

    Attributes:
        boxes: (B, 1 + P, 4), the object first; zeros where a part is missing.
        present: (B, 1 + P).
    """

    boxes: Tensor
    present: Tensor


def best_configuration(
    roots: Tensor, root_scores: Tensor, parts: Tensor, part_scores: Tensor, geometry: Tensor
) -> Configuration:
    """Return the object and parts with the largest product of scores and geometric terms, over all combinations.

    Given the object, the terms of the parts are independent, so the best candidate of each part is found separately.

    Args:
        roots: Candidates of the object, (B, N, 4).
        root_scores: (B, N).
        parts: Candidates of each part, (B, P, M, 4).
        part_scores: (B, P, M).
        geometry: Geometric term of each candidate with each object, (B, N, P, M).
    """
    best, chosen = (part_scores[:, None] * geometry).max(3)  # (B, N, P)
    total = root_scores.clamp_min(1e-12).log() + best.clamp_min(MISSING).log().sum(2)  # (B, N)
    root = total.argmax(1)[:, None, None]  # (B, 1, 1)
    count = parts.shape[1]
    there = best.gather(1, root.expand(-1, -1, count))[:, 0] >= MISSING  # (B, P)
    at = chosen.gather(1, root.expand(-1, -1, count))[:, 0, :, None, None]  # (B, P, 1, 1)
    boxes = parts.gather(2, at.expand(-1, -1, -1, 4))[:, :, 0] * there[..., None]
    found = roots.gather(1, root.expand(-1, -1, 4))
    return Configuration(torch.cat([found, boxes], 1), torch.cat([torch.ones_like(there[:, :1]), there], 1))


def inside(roots: Tensor, parts: Tensor, slack: float) -> Tensor:
    """Return whether each part lies in each object, up to `slack` pixels: (B, N, 4), (B, P, M, 4) -> (B, N, P, M)."""
    root, part = roots[:, :, None, None], parts[:, None]
    low = (part[..., :2] >= root[..., :2] - slack).all(-1)
    high = (part[..., 2:] <= root[..., 2:] + slack).all(-1)
    return low & high


def relative_geometry(roots: Tensor, parts: Tensor) -> Tensor:
    """Return position and size of parts relative to objects, boxes (..., 4) -> (..., 4).

    The offset of the centres in units of the object's width and height, then the logarithms of the ratios of the sides.
    """
    root_size = (roots[..., 2:] - roots[..., :2]).clamp_min(1.0)
    part_size = (parts[..., 2:] - parts[..., :2]).clamp_min(1.0)
    shift = (parts[..., :2] + parts[..., 2:] - roots[..., :2] - roots[..., 2:]) / (2 * root_size)
    return torch.cat([shift, (part_size / root_size).log()], -1)


def boxes_at(roots: Tensor, geometry: Tensor) -> Tensor:
    """Return the boxes (..., 4) with a given `relative_geometry` to `roots`; sides grow at most 62.5-fold."""
    size = roots[..., 2:] - roots[..., :2]
    centre = (roots[..., :2] + roots[..., 2:]) / 2 + geometry[..., :2] * size
    half = geometry[..., 2:].clamp(max=LARGEST).exp() * size / 2
    return torch.cat([centre - half, centre + half], -1)


class PartMemory(nn.Module):
    """The nearest-neighbour prior: where the parts of similar training photos lie.

    For each image, a diagonal Gaussian over `relative_geometry` is fitted to the parts of the K training photos with
    the most similar features. Its value at a candidate, 1 at the mean, is the geometric term. A part that none of these
    photos shows has the term 1. The memory is empty until `remember`.

    Args:
        num_parts: P.
        dim: Length of the features.
        neighbours: K.
        alpha: Exponent of the term, between 0 (off) and 1.
    """

    features: Tensor
    geometry: Tensor
    shown: Tensor

    def __init__(self, num_parts: int, dim: int, neighbours: int = 20, alpha: float = 0.1) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.alpha = alpha
        self.register_buffer("features", torch.zeros(0, dim))
        self.register_buffer("geometry", torch.zeros(0, num_parts, 4))
        self.register_buffer("shown", torch.zeros(0, num_parts))
        self.register_load_state_dict_pre_hook(_take_shapes)  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return int(self.features.shape[0])

    @torch.no_grad()
    def remember(self, features: Tensor, truth: Tensor) -> None:
        """Store n photos: features (n, D) and true boxes (n, 1 + P, 4), NaN where missing."""
        geometry = relative_geometry(truth[:, :1], truth[:, 1:])
        self.shown = (~geometry.isnan().any(2)).float()
        self.geometry = geometry.nan_to_num(0.0)
        self.features = nn.functional.normalize(features, dim=1)

    def forward(self, features: Tensor, roots: Tensor, parts: Tensor) -> Tensor:
        """Return the geometric term of each candidate with each object.

        Args:
            features: (B, D).
            roots: (B, N, 4).
            parts: (B, P, M, 4).

        Returns:
            (B, N, P, M), between 0 and 1.
        """
        alike = nn.functional.normalize(features, dim=1) @ self.features.T  # (B, n)
        nearest = alike.topk(min(self.neighbours, len(self)), 1).indices  # (B, K)
        weight = self.shown[nearest][..., None]  # (B, K, P, 1)
        near = self.geometry[nearest]  # (B, K, P, 4)
        count = weight.sum(1)  # (B, P, 1)
        mean = (weight * near).sum(1) / count.clamp_min(1)
        variance = (weight * (near - mean[:, None]) ** 2).sum(1) / count.clamp_min(1) + SPREAD**2
        offset = relative_geometry(roots[:, :, None, None], parts[:, None]) - mean[:, None, :, None]
        exponent = -0.5 * (offset**2 / variance[:, None, :, None]).sum(-1)  # (B, N, P, M)
        known = (count > 0).to(exponent.dtype)[:, None]  # (B, 1, P, 1)
        return (self.alpha * known * exponent).exp()


def _take_shapes(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Resize the buffers to the rows that are about to be loaded."""
    for name in ("features", "geometry", "shown"):
        if prefix + name in state:
            setattr(module, name, torch.empty_like(state[prefix + name], device=getattr(module, name).device))
