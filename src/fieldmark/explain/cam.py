"""Evidence of a method that has its own `forward`: gradient times feature in the last layer of its backbone.

Source: Draelos, Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks"
(2020).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from fieldmark.arrays import Float64s
from fieldmark.errors import ModelError
from fieldmark.explain.geometry import Patch
from fieldmark.methods.base import Method, ModelOutput

__all__ = ["cam_maps", "last_map"]

HOW = "gradient times feature in the last layer with places (HiResCAM), a local approximation"


def cam_maps(
    method: Method, images: Tensor, scores: Callable[[ModelOutput], Tensor]
) -> tuple[list[Patch], Float64s, str]:
    """Compute contributions to T scores of one image (1, 3, S, S), to first order.

    Evidence against a class counts too: nothing is cut off at zero.

    Returns:
        One patch (T, h, w) that covers the image, the scores (T,), and how they were computed.

    Raises:
        ModelError: No layer of the backbone has places.
    """
    seen: list[Tensor] = []

    def cut(_layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        """Let gradients stop at the layer's first pass, which reads the whole image."""
        if seen:
            return output
        seen.append(output.detach().requires_grad_())
        return seen[0]

    hook = last_map(method, images).register_forward_hook(cut)
    try:
        values = scores(method(images))[0]
    finally:
        hook.remove()
    gradients = [torch.autograd.grad(value, seen[0], retain_graph=True)[0] for value in values]
    maps = torch.stack([(gradient * seen[0].detach())[0].sum(0) for gradient in gradients]).double().cpu().numpy()
    height, width = images.shape[2:]
    patch = Patch(np.asarray(maps), (0.0, 0.0, float(width), float(height)))
    return [patch], values.detach().double().cpu().numpy(), HOW


def last_map(method: Method, images: Tensor) -> nn.Module:
    """Return the last layer of the backbone that gives a map (B, C, H, W) of more than one place for each image.

    Raises:
        ModelError: There is none.
    """
    seen: list[nn.Module] = []

    def note(layer: nn.Module, _: object, output: object) -> None:
        whole = isinstance(output, Tensor) and output.ndim == 4 and output.shape[0] == len(images)
        if whole and output[0, 0].numel() > 1:  # type: ignore[index]
            seen.append(layer)

    layers = [layer for layer in method.backbone.model.modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            method(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise ModelError(
            f"the backbone '{method.backbone.name}' has no layer with places, so no evidence map can be drawn: "
            "fit the model with a convolutional backbone"
        )
    return seen[-1]
