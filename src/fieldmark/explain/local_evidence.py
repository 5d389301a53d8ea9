"""What each place of an image adds to the logits: gradient times feature at the maps that a method pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from fieldmark.arrays import Float64s
from fieldmark.explain.cam import cam_maps
from fieldmark.explain.geometry import Patch
from fieldmark.explain.layer_hooks import Watched, watched
from fieldmark.layers.unit_length import constant_factors
from fieldmark.methods.base import LocalMap, Method, ModelOutput

__all__ = ["LocalEvidence", "embedding_evidence", "logit_evidence"]

Scores = Callable[[ModelOutput], Tensor]
"""What is explained: an output to scores (1, T)."""


@dataclass(frozen=True, slots=True)
class LocalEvidence:
    """Contributions of places to T scores of one image.

    Attributes:
        patches: Values (T, h, w) for each pooled map, boxes in pixels of the method's input.
        scores: (T,), what is explained.
        how: How the contributions were computed, as one phrase.
        fine: Contributions to the first score minus the second, or to the only one, (1, h, w) on the finer grid of an
            earlier layer, to first order; empty where no earlier layer is finer.
        late: The same in the block before the last one.
    """

    patches: list[Patch]
    scores: Float64s
    how: str
    fine: list[Patch] = field(default_factory=list)
    late: list[Patch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One `LocalMap` of one image.

    Attributes:
        maps: (R, C, h, w), where the gradients stop.
        boxes: (R, 4), what each of them covers.
        source: The same numbers, differentiable in the earlier layers that are watched.
    """

    maps: Tensor
    boxes: Tensor
    source: Tensor


def logit_evidence(method: Method, images: Tensor, classes: Sequence[int]) -> LocalEvidence:
    """Compute the contributions to the logits of some classes, for one image (1, 3, S, S), normalised.

    The contributions add up to the logits up to a constant, where the logits are homogeneous of degree 1 in the pooled
    maps with normalisers and attention held constant (Euler's theorem): so for every method of this package but
    ``metric_learning``.
    """
    return _evidence(method, images, lambda output: output.logits[:, list(classes)])


def embedding_evidence(method: Method, images: Tensor, weight: Tensor) -> LocalEvidence:
    """Compute the contributions to T linear functions of the embedding, by weights (T, D)."""
    return _evidence(method, images, lambda output: output.embedding @ weight.T)


def _evidence(method: Method, images: Tensor, scores: Scores) -> LocalEvidence:
    if type(method).forward is not Method.forward:  # what it pools is not known
        return LocalEvidence(*cam_maps(method, images, scores))
    with watched(method) as earlier:
        features = method.local_features(images)
    leaves = [_leaf(one, images) for one in features.maps]
    cut = [replace(one, features=leaf.maps) for one, leaf in zip(features.maps, leaves, strict=True)]
    with constant_factors():
        values = scores(method.classify(replace(features, maps=cut)))[0]
    maps = [leaf.maps for leaf in leaves]
    found = [torch.autograd.grad(value, maps, retain_graph=True, materialize_grads=True) for value in values]
    gradients = [torch.stack(of_map) for of_map in zip(*found, strict=True)]  # (T, R, C, h, w) for each leaf
    patches = [patch for leaf, each in zip(leaves, gradients, strict=True) for patch in _patches(leaf, leaf.maps, each)]
    fine, late = _earlier(leaves, gradients, earlier)
    return LocalEvidence(patches, values.detach().double().cpu().numpy(), method.evidence_note, fine, late)


def _leaf(local: LocalMap, images: Tensor) -> _Leaf:
    height, width = images.shape[2:]
    whole = torch.tensor([[0.0, 0.0, float(width), float(height)]])
    boxes = whole if local.boxes is None else local.boxes[0].detach()
    return _Leaf(local.features.detach().float().requires_grad_(), boxes, local.features)


def _patches(leaf: _Leaf, maps: Tensor, gradients: Tensor) -> list[Patch]:
    """Gradients (T, n, C, h, w) times features (n, C, h, w), summed over channels: one patch for each of R boxes.

    Of a single box, the maps may come from a batch with other regions: those have zero gradients.
    """
    values = (gradients * maps.detach()).sum(2).transpose(0, 1).double().cpu().numpy()  # (n, T, h, w)
    values = values.sum(0, keepdims=True) if len(leaf.boxes) == 1 else values
    corners = [(x1, y1, x2, y2) for x1, y1, x2, y2 in leaf.boxes.tolist()]
    return [Patch(np.asarray(of_box), box) for of_box, box in zip(values, corners, strict=True)]


def _earlier(leaves: Sequence[_Leaf], gradients: Sequence[Tensor], earlier: Watched) -> tuple[list[Patch], list[Patch]]:
    """Contributions in the watched layers, `LocalEvidence.fine` and `LocalEvidence.late`."""
    fine: list[Patch] = []
    late: list[Patch] = []
    if not earlier.fine:
        return fine, late
    finest = max(maps.shape[2] for maps in earlier.fine)
    for leaf, each in zip(leaves, gradients, strict=True):
        difference = each[0] - each[1] if len(each) > 1 else each[0]
        if leaf.source.requires_grad and leaf.maps.shape[2] <= finest:
            fine += _chained(leaf, difference, earlier.fine)
            late += _chained(leaf, difference, earlier.late)
        else:  # this map, or a part of it, comes before the watched layers and is as fine as they are
            fine += _patches(leaf, leaf.maps, difference[None])
    return fine, late


def _chained(leaf: _Leaf, gradient: Tensor, earlier: Sequence[Tensor]) -> list[Patch]:
    """Carry a leaf's gradient to those of the earlier maps that the leaf was computed from, by the chain rule."""
    if not earlier:
        return []
    # Contiguous: torch 2.14 takes a gradient with the strides of channels last wrongly through batch norm on the CPU.
    start = gradient.to(leaf.source).contiguous()
    found = torch.autograd.grad(leaf.source, list(earlier), start, retain_graph=True, allow_unused=True)
    return [
        patch
        for maps, upon in zip(earlier, found, strict=True)
        if upon is not None and len(leaf.boxes) in (1, len(maps))
        for patch in _patches(leaf, maps, upon[None])
    ]
