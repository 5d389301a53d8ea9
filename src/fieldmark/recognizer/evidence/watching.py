"""An earlier, finer layer of the backbones, watched while a photo passes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.methods.base import Method

__all__ = ["watched"]

STEP = 16
"""Pixels of the image for one step on the map that is watched. The last map's step is 32 in most backbones, half of
which is more than many field marks measure."""


@contextlib.contextmanager
def watched(method: Method) -> Iterator[list[Tensor]]:
    """The maps (n, C, h, w) of every pass through the watched layers, in order; gradients stop at them.

    Nothing is watched in a backbone whose last map is as fine.
    """
    seen: list[Tensor] = []

    def cut(_layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim != 4:
            return output
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    layers = [layer for layer in map(_layer_of, method.backbones) if layer is not None]
    hooks = [layer.register_forward_hook(cut) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _layer_of(backbone: Backbone) -> nn.Module | None:
    """The last stage whose steps are `STEP` pixels at most, where later ones are coarser."""
    stages = list(getattr(backbone.model, "feature_info", ()))
    fine = [stage for stage in stages if stage["reduction"] <= STEP]
    if not fine or len(fine) == len(stages):
        return None
    return dict(backbone.model.named_modules()).get(fine[-1]["module"])
