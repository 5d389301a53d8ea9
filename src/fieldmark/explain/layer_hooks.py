"""Record the maps of earlier backbone layers during a forward pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.methods.base import Method

__all__ = ["Watched", "late_block", "watched"]

STEP = 16
"""Stride in pixels of the finer map that is recorded. The last map has a stride of 32 in most backbones, larger
than many field marks."""


@dataclass(slots=True)
class Watched:
    """The maps (n, C, h, w) of every pass through the watched layers, in order.

    Attributes:
        fine: Of the last layer with steps of `STEP` pixels; gradients stop here.
        late: Of the block before the last one, whose places have mixed less than the last map's.
    """

    fine: list[Tensor] = field(default_factory=list)
    late: list[Tensor] = field(default_factory=list)


@contextlib.contextmanager
def watched(method: Method) -> Iterator[Watched]:
    """Record the maps of all backbones inside the block; none in a backbone whose last map is as fine."""
    seen = Watched()

    def cut(_layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim != 4:
            return output
        seen.fine.append(output.detach().requires_grad_())
        return seen.fine[-1]

    def note(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.requires_grad:
            seen.late.append(output)

    hooks = []
    for backbone in method.backbones:
        names = _stages(backbone)
        if names is None:
            continue
        hooks.append(backbone.model.get_submodule(names[0]).register_forward_hook(cut))
        late = late_block(backbone.model, *names)
        if late is not None:
            hooks.append(late.register_forward_hook(note))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _stages(backbone: Backbone) -> tuple[str, str] | None:
    """Return the last stage with a stride of at most `STEP` before coarser ones, and the last stage of all."""
    stages = list(getattr(backbone.model, "feature_info", ()))
    fine = [stage for stage in stages if stage["reduction"] <= STEP]
    if not fine or len(fine) == len(stages):
        return None
    return fine[-1]["module"], stages[-1]["module"]


def late_block(model: nn.Module, fine: str, last: str) -> nn.Module | None:
    """Return the last block but one between a stage and the end of the last stage; None if there is only one block.

    Args:
        model: The backbone.
        fine: Name of the stage.
        last: Name of the last stage, in the same container.
    """
    (home, _, first), (same, _, end) = fine.rpartition("."), last.rpartition(".")
    if home != same:
        return None
    names = [name for name, _ in model.get_submodule(home).named_children()]
    between = names[names.index(first) + 1 : names.index(end) + 1]
    container = model.get_submodule(home)
    blocks = [block for name in between for block in _blocks(container.get_submodule(name))]
    return blocks[-2] if len(blocks) > 1 else None


def _blocks(stage: nn.Module) -> list[nn.Module]:
    inner = stage if isinstance(stage, nn.Sequential) else getattr(stage, "blocks", None)
    return list(inner) if isinstance(inner, nn.Sequential | nn.ModuleList) else [stage]
