"""Load a member of a model as a torch module, for gradients and feature maps. Answering does not need it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fieldmark.artifact.load import reading
from fieldmark.artifact.manifest import Manifest, MemberFacts
from fieldmark.errors import SettingError
from fieldmark.tensor_file import tensor_shapes

if TYPE_CHECKING:
    from fieldmark.methods.base import Method

__all__ = ["load_method"]


def load_method(folder: Path, manifest: Manifest, facts: MemberFacts) -> Method:
    """Return a member as a torch module in evaluation mode.

    Raises:
        ModelError: The weights are missing, have changed, or are not those of the method.
        SettingError: There is no such method or backbone.
    """
    import torch
    from safetensors.torch import load_file

    with reading(folder, manifest, facts.weights) as path:
        there = {name: shape for name, (_, shape) in tensor_shapes(path).items()}
        with torch.device("meta"):  # tensors without memory
            planned = _built(facts, len(manifest.classes)).state_dict()
        if {name: tuple(tensor.shape) for name, tensor in planned.items()} != there:
            raise ValueError(f"its tensors are not those of the method {facts.method}")
        method = _built(facts, len(manifest.classes))
        method.load_state_dict(load_file(path))
    return method.eval()


def _built(facts: MemberFacts, num_classes: int) -> Method:
    """Build the network that a description names.

    Raises:
        SettingError: There is no such method or backbone.
        ValueError: The options are not those of the method.
    """
    from fieldmark.methods.build import build_method

    try:
        return build_method(facts.method, num_classes, facts.options, facts.preprocess.image_size)
    except SettingError:
        raise
    except Exception as error:  # whatever a constructor raises for options that it did not expect
        raise ValueError(f"the options of the method {facts.method} in fieldmark.json are not valid") from error
