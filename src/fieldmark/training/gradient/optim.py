"""AdamW with a learning rate for every depth, and how it rises and falls."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import AdamW

from fieldmark.backbones.factory import Backbone
from fieldmark.methods.base import Method, ParameterGroup
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["WarmupCosine", "build_optimizer", "layerwise_groups"]

_USUAL_RMS = 0.165
"""Root mean square of the weights of a head that starts fitted, for features of norm 1: what rates are chosen for."""


def layerwise_groups(
    method: Method, layer_decay: float, head_lr_scale: float, *, fitted_head: bool = False
) -> list[ParameterGroup]:
    """The parameters that train, in one group for each stage of each backbone and one for the head.

    The last backbone stage has the factor 1, each earlier one `layer_decay` times that of the stage after it.
    What the backbone does not count to any stage goes with the last one.

    A linear head that starts fitted (`fitted_head`) gets a rate in proportion to its weights: AdamW moves every weight
    by about the rate, whatever its size, and where features are large or many their weights are so small that a few
    steps of the usual size would wipe them out.
    """
    groups = [group for backbone in method.backbones for group in _stage_groups(backbone, layer_decay)]
    linear = method.linear_head if fitted_head else None
    fitted = _trainable(linear.parameters()) if linear is not None else []
    if linear is not None:
        size = float(linear.weight.detach().square().mean().sqrt())
        groups.append(ParameterGroup("fitted head", fitted, head_lr_scale * size / _USUAL_RMS))
    known = {id(parameter) for parameter in fitted}
    others = [parameter for parameter in _trainable(method.head_parameters()) if id(parameter) not in known]
    groups.append(ParameterGroup("head", others, head_lr_scale))
    return [group for group in groups if group.parameters]


def _stage_groups(backbone: Backbone, layer_decay: float) -> list[ParameterGroup]:
    stages = {name: list(parameters) for name, parameters in backbone.stages.items()}
    known = {id(parameter) for parameters in stages.values() for parameter in parameters}
    last = next(reversed(stages))
    stages[last] += [parameter for parameter in backbone.parameters() if id(parameter) not in known]
    return [
        ParameterGroup(name, _trainable(parameters), layer_decay ** (len(stages) - 1 - depth))
        for depth, (name, parameters) in enumerate(stages.items())
    ]


def build_optimizer(
    method: Method,
    settings: GradientSettings,
    lr_scale: float = 1.0,
    head_lr_scale: float = 1.0,
    *,
    fitted_head: bool = False,
) -> AdamW:
    """AdamW over `layerwise_groups`; biases, norms and other vectors and scalars do not decay.

    Args:
        method: Its frozen parameters are left out.
        settings: Rates and decay.
        lr_scale: Factor of the stage of training.
        head_lr_scale: Another one for the head.
        fitted_head: See `layerwise_groups`.
    """
    options: list[dict[str, Any]] = []
    head_scale = settings.head_lr_scale * head_lr_scale
    for group in layerwise_groups(method, settings.layer_decay, head_scale, fitted_head=fitted_head):
        matrices = [parameter for parameter in group.parameters if parameter.ndim > 1]
        vectors = [parameter for parameter in group.parameters if parameter.ndim <= 1]
        lr = settings.lr * lr_scale * group.lr_scale
        for parameters, decay in ((matrices, settings.weight_decay), (vectors, 0.0)):
            if parameters:
                options.append({"name": group.name, "params": parameters, "lr": lr, "weight_decay": decay})
    fused = next(method.parameters()).device.type in ("cpu", "cuda")
    return AdamW(options, fused=fused)


@dataclass(slots=True)
class WarmupCosine:
    """Factor on all learning rates: a line up to 1, then half a cosine down to 0.

    Attributes:
        total: Steps in all; may shrink while it runs, where a time budget asks for it.
        warmup: Share of them that rises.
    """

    total: int
    warmup: float

    def factor(self, step: int) -> float:
        """The factor of the 0-based step."""
        rising = round(self.warmup * self.total)
        if step < rising:
            return (step + 1) / (rising + 1)
        share = (step - rising) / max(1, self.total - rising)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def _trainable(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    return [parameter for parameter in parameters if parameter.requires_grad]
