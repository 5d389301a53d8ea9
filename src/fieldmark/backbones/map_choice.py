"""Which map of a backbone is read: ``NAME@LAYER``, ``NAME@LAYER,LAYER`` or ``NAME@STEP``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from fieldmark.errors import SettingError, unknown_name

__all__ = ["MapChoice", "cut_after", "layers_of_step", "parse_map_choice", "stage_info"]


@dataclass(frozen=True, slots=True)
class MapChoice:
    """A backbone and the maps of it that are read.

    Attributes:
        name: timm's name, with its tag.
        layers: Names of the layers whose output is read, the finest first; empty for the last map.
        step: Pixels of the image for one step on the map; None leaves it as it is.
    """

    name: str
    layers: tuple[str, ...] = ()
    step: int | None = None

    def __str__(self) -> str:
        read = ",".join(self.layers) or (str(self.step) if self.step else "")
        return f"{self.name}@{read}" if read else self.name


def parse_map_choice(text: str) -> MapChoice:
    """Read a backbone's name with the maps that a method reads of it.

    ``vgg16@features.29`` reads one layer by its name in timm, ``vgg16@features.25,features.27`` several, and
    ``resnet101@16`` the last map with a step of 16 pixels.

    Raises:
        SettingError: Nothing stands behind the ``@``.
    """
    name, at, read = text.partition("@")
    parts = tuple(part.strip() for part in read.split(","))
    if not at:
        return MapChoice(name)
    if not name or not all(parts):
        raise SettingError(
            f"the backbone '{text}' names no map: write NAME@LAYER, such as vgg16@features.29, or NAME@STEP, such as "
            "resnet50@16"
        )
    if len(parts) == 1 and parts[0].isdigit():
        return MapChoice(name, step=int(parts[0]))
    return MapChoice(name, parts)


def layers_of_step(model: nn.Module, choice: MapChoice) -> tuple[str, ...]:
    """Return the last layer of a timm model whose map has the step of the choice; nothing if its last map has it.

    Raises:
        SettingError: No map has that step.
    """
    info = stage_info(model)
    if info and info[-1]["reduction"] == choice.step:
        return ()
    found = [stage["module"] for stage in info if stage["reduction"] == choice.step]
    if not found:
        steps = ", ".join(str(step) for step in sorted({stage["reduction"] for stage in info}))
        raise SettingError(
            f"backbone '{choice.name}' has no map with a step of {choice.step} pixels: choose {steps or 'no step'}, or "
            "another backbone"
        )
    return (str(found[-1]),)


def cut_after(model: nn.Module, choice: MapChoice) -> None:
    """Remove the stages of a timm model after the last layer that is read, where the model can be cut there.

    Raises:
        SettingError: The model has no such layer.
    """
    order = [name for name, _ in model.named_modules()]
    info = stage_info(model)
    for layer in choice.layers:
        if layer not in order or not layer:
            raise unknown_name(f"layer of {choice.name}", layer, [str(stage["module"]) for stage in info])
    deepest = max(choice.layers, key=order.index)
    end = order.index(deepest)
    stages = [
        index for index, stage in enumerate(info) if stage["module"] in order and order.index(stage["module"]) >= end
    ]
    # The last layer may lie inside of a stage, which comes before its parts in the order: then nothing of it is cut.
    inside = [index for index, stage in enumerate(info) if deepest.startswith(f"{stage['module']}.")]
    kept = min(stages + inside, default=len(info) - 1)
    if kept < len(info) - 1 and hasattr(model, "prune_intermediate_layers"):
        model.prune_intermediate_layers([kept], prune_norm=True, prune_head=True)  # type: ignore[operator]
        model.feature_info = info[: kept + 1]  # type: ignore[assignment]


def stage_info(model: nn.Module) -> list[dict[str, Any]]:
    """Return timm's records of a model's stages: ``module``, ``num_chs`` and ``reduction`` of each."""
    return [dict(stage) for stage in getattr(model, "feature_info", ())]
