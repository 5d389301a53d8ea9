"""Choose the device that computes: the requested one, or the fastest available."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Literal

from fieldmark.errors import SettingError

__all__ = ["Device", "choose_device"]

Device = Literal["auto", "cpu", "cuda", "mps"]

_GPU_FILES = ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia")
"""If one exists, there may be a GPU. The check avoids importing PyTorch, which takes seconds."""


def choose_device(asked: Device = "auto") -> Literal["cpu", "cuda", "mps"]:
    """Return the device to compute on; ``auto`` prefers CUDA, then MPS, then the CPU.

    Raises:
        SettingError: The requested device is not available.
    """
    if asked == "cpu" or (asked == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    if asked in ("auto", "cuda") and torch.cuda.is_available():
        return "cuda"
    if asked in ("auto", "mps") and torch.backends.mps.is_available():
        return "mps"
    if asked == "auto":
        return "cpu"
    raise SettingError(f"PyTorch finds no {asked.upper()} device here: choose --device cpu, or leave it out")


def _may_have_gpu() -> bool:
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return sys.platform == "win32" or any(Path(file).exists() for file in _GPU_FILES)
