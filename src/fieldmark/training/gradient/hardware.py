"""What training runs on: device, processes, precision, cores, memory."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from fieldmark.backbones.runners.device import Device, choose_device

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = [
    "depthwise_in_float32",
    "half_precision",
    "peak_memory",
    "room_for_photos",
    "start_fabric",
    "training_device",
]

_ROOM = 0.3
"""Share of a GPU's free memory that the photos may take; the rest belongs to the network."""


def training_device(asked: Device) -> torch.device:
    """The device that trains, see `choose_device`; of several GPUs the first.

    Raises:
        SettingError: The device is not there.
    """
    name = choose_device(asked)
    return torch.device(name, 0) if name == "cuda" else torch.device(name)


def start_fabric(device: torch.device, *, half: bool, devices: int = 1, nodes: int = 1) -> Fabric:
    """Lightning Fabric on one device, or connected to the processes of other devices and machines.

    Args:
        device: Where this process computes.
        half: Compute in bfloat16.
        devices: Processes on this machine; with several, each has its place in the environment (`LOCAL_RANK` ...).
        nodes: Machines.
    """
    from lightning.fabric import Fabric
    from lightning.fabric.plugins import MixedPrecision
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment

    class BFloat16(MixedPrecision):
        """Autocast whose inputs stay in float32: boxes in pixels need more digits than bfloat16 has."""

        def convert_input(self, data: Any) -> Any:
            return data

    plugins: list[Any] = [BFloat16("bf16-mixed", device.type)] if half else []
    options: dict[str, Any] = {"devices": [device.index] if device.type == "cuda" else 1}
    if devices * nodes > 1:
        options = {"devices": devices, "num_nodes": nodes, "strategy": "ddp_find_unused_parameters_true"}
        plugins.append(LightningEnvironment())
    with _quiet_lightning():
        fabric = Fabric(accelerator=device.type, plugins=plugins, **options)
        fabric.launch()
    return fabric


def half_precision(asked: Literal["auto", "32", "bf16"], device: torch.device) -> bool:
    """Whether to train in bfloat16: ``auto`` does where the hardware multiplies it (most GPUs, CPUs with AMX)."""
    if asked != "auto":
        return asked == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and torch.cpu._is_amx_tile_supported()


def room_for_photos(device: torch.device) -> int:
    """Bytes that photos may take in the memory of a GPU; 0 for any other device, where nothing is won by it."""
    return int(_ROOM * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 0


def peak_memory() -> int | None:
    """Most bytes held so far: of the GPU, or of this process; None where the system does not tell."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return int(torch.cuda.max_memory_allocated())
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@contextmanager
def depthwise_in_float32(module: nn.Module) -> Iterator[None]:
    """Keep depthwise convolutions in float32 while everything around them runs in bfloat16 autocast on a CPU.

    They hold few multiplications, but in bfloat16 their gradients took half of a training step of EfficientNet-Lite0.
    """
    depthwise = [part for part in module.modules() if isinstance(part, nn.Conv2d) and part.groups > 1]
    for part in depthwise:
        vars(part)["forward"] = _Float32Forward(part)  # hides that of the class
    try:
        yield
    finally:
        for part in depthwise:
            del vars(part)["forward"]


class _Float32Forward:
    """The forward pass of a convolution outside of autocast. A class, so that its owner can still be copied."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        self.convolution = convolution

    def __call__(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):
            return type(self.convolution).forward(self.convolution, images.float())


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's notes on devices and processes."""
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.fabric", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
