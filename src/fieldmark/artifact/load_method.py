"""Load a member of a model as a torch module, for gradients and feature maps. Answering does not need it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fieldmark.artifact.load import verified_file
from fieldmark.artifact.manifest import Manifest, MemberFacts

if TYPE_CHECKING:
    from fieldmark.methods.base import Method

__all__ = ["load_method"]


def load_method(folder: Path, manifest: Manifest, facts: MemberFacts) -> Method:
    """Return a member as a torch module in evaluation mode.

    Raises:
        ModelError: The weights are missing or have changed.
    """
    from safetensors.torch import load_file

    from fieldmark.methods.build import build_method

    method = build_method(facts.method, len(manifest.classes), facts.options, facts.preprocess.image_size)
    method.load_state_dict(load_file(verified_file(folder, manifest, facts.weights)))
    return method.eval()
