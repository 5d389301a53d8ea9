"""A method's logits as a function of its local features, and what each place contributes to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fieldmark.explain.geometry import Patch
from fieldmark.explain.layer_hooks import Watched

__all__ = ["Leaf", "Local", "LocalLogits", "held", "leaf", "whole_leaf"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """Feature maps that logits are a function of.

    Attributes:
        maps: (n, C, h, w), where the gradients stop.
        boxes: What each of them covers, (n, 4), xyxy in pixels of the method's input.
        source: The same numbers, differentiable in the earlier layers that are watched.
    """

    maps: Tensor
    boxes: Tensor
    source: Tensor


@dataclass(frozen=True, slots=True)
class Local:
    """What each place of one input contributes.

    Attributes:
        patches: Boxes are in pixels of the input.
        scores: (T,) the logits that are explained.
        how: A sentence.
        fine: Of the first logit minus the second, or of the first alone, (1, h, w) on the finer grid of an earlier
            layer, to first order; empty where none was watched.
        late: The same in the block before the last one.
    """

    patches: list[Patch]
    scores: NDArray[np.float64]
    how: str
    fine: list[Patch] = field(default_factory=list)
    late: list[Patch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LocalLogits:
    """Logits of one photo, differentiable in its local features.

    They are homogeneous of degree 1 in all leaves together, up to a constant, so that gradient times feature, summed
    over channels, says what each place contributes, and that adds up (Euler's theorem).

    Attributes:
        logits: (1, K).
        leaves: Of all looks at the photo.
        how: A sentence that says what is exact and what is held fixed.
    """

    logits: Tensor
    leaves: Sequence[Leaf]
    how: str

    def local(self, classes: Sequence[int], earlier: Watched | None = None) -> Local:
        """Contributions to the logits of T classes.

        Args:
            classes: Their indices.
            earlier: Maps that the leaves were computed from.
        """
        maps = [one.maps for one in self.leaves]
        gradients = [torch.autograd.grad(self.logits[0, label], maps, retain_graph=True) for label in classes]
        patches, fine, late = [], [], []
        for index, one in enumerate(self.leaves):
            upon = [of_class[index] for of_class in gradients]
            own = _patches(one, one.maps, upon)
            patches += own
            if earlier and earlier.fine and one.source.requires_grad:
                found = _earlier_patches(one, _difference(upon), [*earlier.fine, *earlier.late])
                fine += [patch for patch, place in found if place < len(earlier.fine)]
                late += [patch for patch, place in found if place >= len(earlier.fine)]
            elif earlier and earlier.fine:  # what comes before the watched layers is as fine as they are
                fine += _patches(one, one.maps, [_difference(upon)])
        scores = self.logits[0, list(classes)].detach().double().cpu().numpy()
        return Local(patches, np.asarray(scores), self.how, fine, late)


def _patches(leaf: Leaf, maps: Tensor, gradients: Sequence[Tensor]) -> list[Patch]:
    """Gradient times feature over what the leaf covers, one patch for each of its n maps."""
    products = [(gradient * maps.detach()).sum(1) for gradient in gradients]
    values = torch.stack(products, 1).double().cpu().numpy()  # (n, T, h, w)
    return [Patch(of_box, _box(box)) for of_box, box in zip(values, leaf.boxes, strict=True)]


def _difference(gradients: Sequence[Tensor]) -> Tensor:
    """One backward pass through the backbone for both classes."""
    return gradients[0] - gradients[1] if len(gradients) > 1 else gradients[0]


def _earlier_patches(leaf: Leaf, upon: Tensor, earlier: Sequence[Tensor]) -> list[tuple[Patch, int]]:
    """By the chain rule from the leaf to those of the earlier maps that it was computed from; each with its place."""
    # Contiguous: torch 2.14 takes a gradient with the strides of channels last wrongly through batch norm on the CPU.
    start = upon.to(leaf.source).contiguous()
    found = torch.autograd.grad(leaf.source, earlier, start, retain_graph=True, allow_unused=True)
    return [
        (patch, place)
        for place, (maps, gradient) in enumerate(zip(earlier, found, strict=True))
        if gradient is not None and len(maps) == len(leaf.boxes)
        for patch in _patches(leaf, maps, [gradient])
    ]


def leaf(maps: Tensor, boxes: Tensor) -> Leaf:
    """Maps (n, C, h, w), cut off from what they were computed from."""
    return Leaf(maps.detach().float().requires_grad_(), boxes, maps)


def whole_leaf(maps: Tensor, images: Tensor) -> Leaf:
    """A map (1, C, h, w) of all of the image (1, 3, S, S)."""
    height, width = images.shape[2:]
    return leaf(maps, torch.tensor([[0.0, 0.0, float(width), float(height)]]))


def held(values: Tensor, normalized: Tensor) -> Tensor:
    """`normalized`, as the product of `values` with factors that are held at what they are for this photo.

    A descriptor of unit length does not change when all features grow; as a sum over places it can only be read with
    its normaliser held fixed.
    """
    factors = torch.where(values == 0, 0.0, normalized / torch.where(values == 0, 1.0, values))
    return values * factors.detach()


def _box(box: Tensor) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box.tolist()
    return (x1, y1, x2, y2)
