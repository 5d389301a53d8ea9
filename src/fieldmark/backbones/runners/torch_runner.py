"""Run modules with PyTorch: on a GPU in half precision and large batches, or on a CPU through the same code."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fieldmark.arrays import Float32s, Pixels
from fieldmark.backbones.runners.runner import Runner

__all__ = ["TorchRunner"]

_PIXELS_AT_ONCE = 64 * 224 * 224
"""Pixels in one call on a GPU: enough to fill it, and few enough that 16 callers fit into its memory."""


class TorchRunner(Runner):
    """A module on one device.

    Callers decode in many threads, but one thread of the runner feeds the device: cuDNN prepares its plans for each
    thread that calls it, which takes seconds. The caller waits for the device and fetches the results, so that the
    device already works on the next batch meanwhile.

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
        self._feeder = ThreadPoolExecutor(1, thread_name_prefix="fieldmark-device")

    def run_inputs(self, feeds: Mapping[str, Pixels]) -> dict[str, Float32s]:
        found = self._feeder.submit(self._compute, feeds, self._half).result().fetch()
        if self._half and not all(np.isfinite(values).all() for values in found.values()):
            found = self._feeder.submit(self._compute, feeds, False).result().fetch()
        return found

    @property
    def description(self) -> str:
        return f"PyTorch on {self.device}"

    def batch_size(self, image_size: int) -> int:
        """Return 64 at 224 px on a GPU and 4 on a CPU, fewer at larger sizes."""
        at_once = _PIXELS_AT_ONCE if self.device.type != "cpu" else _PIXELS_AT_ONCE // 16
        return max(1, round(at_once / image_size**2))

    def _compute(self, feeds: Mapping[str, Pixels], half: bool) -> _Pending:
        with torch.inference_mode(), torch.autocast(self.device.type, torch.float16, enabled=half):
            inputs = [torch.from_numpy(images).to(self.device) for images in feeds.values()]
            named: Mapping[str, Tensor] = self._module(*inputs)
            results = {name: named[name].float() for name in self.outputs}
        if self.device.type != "cuda":
            return _Pending(results)
        results = {name: values.to("cpu", non_blocking=True) for name, values in results.items()}
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record()
        return _Pending(results, done)


@dataclass(frozen=True, slots=True)
class _Pending:
    """Results that the device may still be computing."""

    results: Mapping[str, Tensor]
    done: torch.cuda.Event | None = None

    def fetch(self) -> dict[str, Float32s]:
        if self.done is not None:
            self.done.synchronize()
        return {name: values.cpu().numpy() for name, values in self.results.items()}
