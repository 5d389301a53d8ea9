"""Choose how a module runs: as an ONNX graph on a CPU, through PyTorch on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldmark.backbones.runners.device import Device, choose_device
from fieldmark.backbones.runners.runner import Runner
from fieldmark.data.photos.preprocess import Preprocess

if TYPE_CHECKING:
    from torch import nn

__all__ = ["module_runner"]


def module_runner(module: nn.Module, preprocess: Preprocess, outputs: Sequence[str], device: Device = "auto") -> Runner:
    """Return a runner for a module that no longer changes.

    ONNX Runtime and OpenVINO are several times faster than PyTorch on a CPU. On a GPU PyTorch needs no other build of
    ONNX Runtime.

    Args:
        module: Maps normalised images (B, 3, S, S) to a dict of tensors whose first axis is the batch.
        preprocess: Its mean and standard deviation normalise the photos.
        outputs: Keys of that dict.
        device: See `choose_device`.

    Raises:
        SettingError: The device is not available.
    """
    chosen = choose_device(device)
    if chosen == "cpu":
        from fieldmark.backbones.known_graphs import known_graph
        from fieldmark.backbones.runners.cpu_runner import CpuRunner

        return CpuRunner(known_graph(module, preprocess, outputs))
    from fieldmark.backbones.onnx_export import Normalized
    from fieldmark.backbones.runners.torch_runner import TorchRunner

    return TorchRunner(Normalized(module, preprocess), outputs, chosen)
