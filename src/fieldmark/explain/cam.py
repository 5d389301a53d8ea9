"""Evidence in a method of which nothing is known but its gradients, by the library grad-cam."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from fieldmark.errors import ModelError
from fieldmark.explain.geometry import Patch
from fieldmark.explain.local_logits import Local
from fieldmark.methods.base import Method, ModelOutput

__all__ = ["cam_local", "last_map"]

HOW = "gradient times feature in the last layer with places (HiResCAM of grad-cam), a local approximation"


Head = Callable[[ModelOutput], Tensor]


def _logits(output: ModelOutput) -> Tensor:
    return output.logits


class _Logits(nn.Module):
    """A method as the library wants it: images to logits."""

    def __init__(self, method: Method, head: Head) -> None:
        super().__init__()
        self.method = method
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.method(images))


def cam_local(method: Method, images: Tensor, classes: Sequence[int], head: Head = _logits) -> Local:
    """Contributions to the logits of T classes, to first order.

    Args:
        method: The method.
        images: (1, 3, S, S), normalised.
        classes: Columns of the logits.
        head: What of the output is explained, (1, K); the method's own logits if left out.

    Source: Draelos, Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks" (2020), by https://github.com/jacobgil/pytorch-grad-cam.

    Raises:
        ModelError: No layer of the backbone has places.
    """
    from pytorch_grad_cam import HiResCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    class Signed(HiResCAM):  # type: ignore[misc]
        """Without the library's cut at zero and its scaling to 1: evidence against a class counts too."""

        def compute_cam_per_layer(self, input_tensor: Tensor, targets: list[nn.Module], eigen_smooth: bool) -> object:
            activations = self.activations_and_grads.activations[0].cpu().numpy()
            gradients = self.activations_and_grads.gradients[0].cpu().numpy()
            return [(activations * gradients).sum(1)]

        def aggregate_multi_layers(self, cam_per_target_layer: list[object]) -> object:
            return cam_per_target_layer[0]

    layer = last_map(method, images)
    with torch.no_grad():
        logits = head(method(images))[0].double().cpu().numpy()
    with torch.enable_grad(), Signed(_Logits(method, head), [layer]) as cam:
        maps = [cam(images.clone().requires_grad_(), [ClassifierOutputTarget(label)])[0] for label in classes]
    height, width = images.shape[2:]
    values = np.stack(maps).astype(np.float64)
    return Local([Patch(values, (0.0, 0.0, float(width), float(height)))], logits[list(classes)], HOW)


def last_map(method: Method, images: Tensor) -> nn.Module:
    """The last layer of the backbone that gives a map (B, C, H, W) of more than one place for the whole image.

    Raises:
        ModelError: There is none.
    """
    seen: list[nn.Module] = []

    def note(layer: nn.Module, _: object, output: object) -> None:
        if (
            isinstance(output, Tensor)
            and output.ndim == 4
            and output.shape[0] == len(images)
            and output[0, 0].numel() > 1
        ):
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
            f"the backbone '{method.backbone.name}' has no layer with places, so that no evidence can be drawn: "
            "fit the model with a convolutional backbone"
        )
    return seen[-1]
