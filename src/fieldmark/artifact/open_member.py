"""Open a member of a model for answering: its ONNX graph on a CPU, its PyTorch module on a GPU."""

from __future__ import annotations

from pathlib import Path

from fieldmark.artifact.load import verified_file
from fieldmark.artifact.manifest import Manifest, MemberFacts
from fieldmark.backbones.runners.device import Device, choose_device
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.backbones.runners.runner import Runner

__all__ = ["open_member"]


def open_member(folder: Path, manifest: Manifest, member: MemberFacts, device: Device = "auto") -> Runner:
    """Return a runner with the outputs ``logits`` and ``embedding``.

    Only a GPU needs PyTorch. Where ONNX Runtime itself was built for the GPU, it runs the graph there.

    Raises:
        ModelError: A file of the member is missing or has changed.
        SettingError: The device is not there.
    """
    chosen = choose_device(device)
    if chosen == "cpu":
        return OnnxRunner(verified_file(folder, manifest, member.graph))
    from fieldmark.artifact.load_method import load_method
    from fieldmark.backbones.runners.choose_runner import module_runner
    from fieldmark.training.method_graph import NamedOutputs

    method = load_method(folder, manifest, member)
    return module_runner(NamedOutputs(method), member.preprocess, ["logits", "embedding"], chosen)
