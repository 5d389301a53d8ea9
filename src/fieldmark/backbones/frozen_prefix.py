"""Cut a backbone behind its frozen stages, so that their output can be computed once and used in every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import SettingError

__all__ = ["FrozenPrefix"]

_TOLERANCE = 1e-3
"""Largest difference of the two ways through the backbone, relative to the largest value."""


class FrozenPrefix(nn.Module):
    """The frozen first stages of a backbone as a module of their own; `skipped` is the backbone without them.

    It finds the cut by running the backbone once: everything that ends before the last frozen module ends belongs to
    the prefix, activations and poolings among it. It then checks that prefix and rest together give the same maps.

    Args:
        backbone: Its first stages are frozen (`Backbone.freeze`), the others are not.
        side: Image side in pixels.

    Attributes:
        shape: (C, H, W) of the prefix's output for one image, or (N, C) for tokens.

    Raises:
        SettingError: Nothing or everything is frozen, or the backbone passes more than one tensor over the cut.
    """

    def __init__(self, backbone: Backbone, side: int) -> None:
        super().__init__()
        self.backbone = backbone
        was_training = backbone.training
        backbone.eval()
        images = torch.linspace(-2, 2, 2 * 3 * side * side).reshape(2, 3, side, side)
        images = images.to(next(backbone.parameters()).device)
        self._cut, self._skipped = _find_cut(backbone, images[:1])
        with torch.no_grad():
            given, expected = self(images)["map"], backbone.maps(images)
            self.shape = tuple(given.shape[1:])
            try:
                with self.skipped():
                    found = backbone.maps(given)
                same = all(_close(one, other) for one, other in zip(found, expected, strict=True))
            except (RuntimeError, ValueError, IndexError, AssertionError):
                same = False
        backbone.train(was_training)
        if not same:
            raise SettingError(
                f"the frozen stages of backbone '{backbone.name}' cannot be computed on their own: leave cached_views"
                " out, or choose a convolutional backbone"
            )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map normalised images (B, 3, S, S) to ``map``, the output (B, *shape) of the last frozen module."""
        found: list[Tensor] = []
        hook = self._cut.register_forward_hook(lambda module, inputs, output: found.append(output))
        try:
            self.backbone.maps(images)  # an exported graph drops what comes behind the cut
        finally:
            hook.remove()
        return {"map": found[0]}

    @contextmanager
    def skipped(self) -> Iterator[None]:
        """Let the backbone take the prefix's output instead of images. Its state dict stays the same."""
        for module in self._skipped:
            module.forward = _first_argument
        try:
            yield
        finally:
            for module in self._skipped:
                del module.forward


def _first_argument(first: Any, *others: Any, **named: Any) -> Any:
    return first


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and float((one - other).abs().max()) <= _TOLERANCE * float(other.abs().max())


def _find_cut(backbone: Backbone, images: Tensor) -> tuple[nn.Module, list[nn.Module]]:
    """Return the last frozen module, and the modules that a pass from its output skips."""
    started, ended = _times(backbone, images)
    frozen = [module for module in backbone.modules() if module in ended and _is_frozen(module)]
    if not frozen or _is_frozen(backbone):
        which = "none" if not frozen else "all"
        raise SettingError(
            f"cached_views needs frozen first stages, but {which} of backbone '{backbone.name}' are frozen:"
            f" choose freeze out of {', '.join(list(backbone.stages)[:-1])}"
        )
    last = max(ended[module] for module in frozen)
    # A container ends just after its last child; the outermost one that ends there is the cut.
    cut = min((module for module in frozen if ended[module] == last), key=started.__getitem__)
    skipped: list[nn.Module] = []

    def collect(module: nn.Module) -> None:
        for child in module.children():
            if ended.get(child, last + 1) <= last:
                skipped.append(child)
            elif started.get(child, 0) < last:  # 0: a container that is not called itself
                collect(child)

    collect(backbone)
    return cut, skipped


def _times(backbone: Backbone, images: Tensor) -> tuple[dict[nn.Module, int], dict[nn.Module, int]]:
    """Return the times at which each module first starts and last ends, in steps of one pass."""
    started: dict[nn.Module, int] = {}
    ended: dict[nn.Module, int] = {}
    step = 0

    def begin(module: nn.Module, inputs: Any) -> None:
        nonlocal step
        step += 1
        started.setdefault(module, step)

    def end(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal step
        step += 1
        ended[module] = step

    hooks = [register for module in backbone.model.modules() for register in _hooks(module, begin, end)]
    try:
        with torch.no_grad():
            backbone.maps(images)
    finally:
        for hook in hooks:
            hook.remove()
    return started, ended


def _hooks(module: nn.Module, begin: Any, end: Any) -> list[Any]:
    return [module.register_forward_pre_hook(partial(begin)), module.register_forward_hook(partial(end))]


def _is_frozen(module: nn.Module) -> bool:
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
