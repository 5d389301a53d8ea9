"""What the loop runs on: device, processes, precision, workers, memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

__all__ = [
    "choose_precision",
    "depthwise_in_float32",
    "peak_memory",
    "process_rank",
    "trainer_devices",
    "worker_count",
]

LightningPrecision = Literal["32-true", "bf16-mixed"]


def trainer_devices() -> dict[str, Any]:
    """Lightning's arguments: one device, or under torchrun all that it started processes for."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return {"accelerator": "auto", "devices": 1}
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    nodes = int(os.environ["WORLD_SIZE"]) // local
    return {"accelerator": "auto", "devices": local, "num_nodes": nodes, "strategy": "ddp_find_unused_parameters_true"}


def process_rank() -> tuple[int, int]:
    """This process's rank and the number of processes under torchrun; (0, 1) otherwise."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def choose_precision(asked: Literal["auto", "32", "bf16"]) -> LightningPrecision:
    """``auto`` is bfloat16 where the hardware multiplies it natively (GPUs that do, CPUs with AMX)."""
    if asked != "auto":
        return "32-true" if asked == "32" else "bf16-mixed"
    native = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if native else "32-true"


def worker_count() -> int:
    """Processes that augment photos beside the training.

    None on a CPU: they would take the cores from the network, which needs twenty times as much.
    """
    return min(8, (os.cpu_count() or 1) - 1) if torch.cuda.is_available() else 0


def peak_memory() -> int | None:
    """Most bytes held so far: of the GPU, or of this process; None where the system does not tell."""
    if torch.cuda.is_available():
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
