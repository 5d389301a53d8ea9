"""Run modules with PyTorch: on a GPU in half precision and large batches, or on a CPU through the same code."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from fieldmark.arrays import Float32s, Pixels
from fieldmark.backbones.runners.runner import Runner

__all__ = ["TorchRunner"]

_PIXELS_AT_ONCE = 64 * 224 * 224
"""Pixels in one call on a GPU: enough to fill it, and few enough that 16 callers fit into its memory."""


class TorchRunner(Runner):
    """A module on one device. Each calling thread has its own CUDA stream, so that copies and compute overlap.

    Args:
        module: Maps the inputs, uint8 (B, S, S, 3), to one dict of tensors whose first axis is the batch. It is copied.
        outputs: Keys of that dict.
        device: A PyTorch device such as ``cuda``, ``mps`` or ``cpu``.
        half: Compute in float16 where that is safe; None does so on CUDA. Results that are not finite are computed
            again in float32.
    """

    def __init__(self, module: nn.Module, outputs: Sequence[str], device: str, *, half: bool | None = None) -> None:
        self.device = torch.device(device)
        self.outputs = tuple(outputs)
        self._half = self.device.type == "cuda" if half is None else half
        self._module = copy.deepcopy(module).eval().requires_grad_(False)
        self._module = self._module.to(self.device).to(memory_format=torch.channels_last)
        self._local = threading.local()

    def run_inputs(self, feeds: Mapping[str, Pixels]) -> dict[str, Float32s]:
        with torch.inference_mode(), self._stream():
            inputs = [self._to_device(images) for images in feeds.values()]
            found = self._compute(inputs, half=self._half)
            if self._half and not all(bool(values.isfinite().all()) for values in found.values()):
                found = self._compute(inputs, half=False)
            return {name: values.float().cpu().numpy() for name, values in found.items()}

    def batch_size(self, image_size: int) -> int:
        """Return 64 at 224 px on a GPU and 4 on a CPU, fewer at larger sizes."""
        at_once = _PIXELS_AT_ONCE if self.device.type != "cpu" else _PIXELS_AT_ONCE // 16
        return max(1, round(at_once / image_size**2))

    def _compute(self, inputs: Sequence[Tensor], *, half: bool) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, torch.float16, enabled=half):
            named: Mapping[str, Tensor] = self._module(*inputs)
        return {name: named[name] for name in self.outputs}

    def _to_device(self, images: Pixels) -> Tensor:
        tensor = torch.from_numpy(images)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _stream(self) -> AbstractContextManager[object]:
        if self.device.type != "cuda":
            return nullcontext()
        if not hasattr(self._local, "stream"):
            self._local.stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        return torch.cuda.stream(self._local.stream)
