"""Open a member of a model for answering: its ONNX graph on a CPU, its PyTorch module on a GPU."""

from __future__ import annotations

from pathlib import Path

from fieldmark.artifact.check_graph import checked_graph
from fieldmark.artifact.load import reading
from fieldmark.artifact.manifest import Manifest, MemberFacts
from fieldmark.backbones.runners.cpu_runner import CpuRunner
from fieldmark.backbones.runners.device import Device, choose_device
from fieldmark.backbones.runners.run_images import ACTIVATION
from fieldmark.backbones.runners.runner import Runner

__all__ = ["open_member"]


def open_member(
    folder: Path, manifest: Manifest, member: MemberFacts, device: Device = "auto", *, width: int | None = None
) -> Runner:
    """Return a runner with the outputs ``logits`` and ``embedding``, and `ACTIVATION` where the member zooms.

    Only a GPU needs PyTorch. Where ONNX Runtime itself was built for the GPU, it runs the graph there.

    Args:
        folder: The model folder.
        manifest: Its description.
        member: The member.
        device: Where it computes; see `choose_device`.
        width: Length of the embedding; None for any.

    Raises:
        ModelError: A file of the member is missing, has changed, or is not what the manifest says.
        SettingError: The device is not there.
    """
    chosen = choose_device(device)
    if chosen == "cpu":
        with reading(folder, manifest, member.graph) as path:
            inputs = {"images": member.preprocess.image_size}
            outputs = {"logits": len(manifest.classes), "embedding": width}
            outputs |= {ACTIVATION: None} if member.zoom else {}
            return CpuRunner(checked_graph(path, inputs, outputs))
    from fieldmark.artifact.load_method import load_method
    from fieldmark.backbones.runners.choose_runner import module_runner
    from fieldmark.training.method_graph import NamedOutputs

    method = load_method(folder, manifest, member)
    named = NamedOutputs(method, zooms=member.zoom is not None)
    return module_runner(named, member.preprocess, named.names, chosen)
