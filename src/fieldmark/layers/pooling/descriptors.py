"""Several poolings of one backbone side by side."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import SettingError
from fieldmark.layers.pooling.global_pooling import CLASS_TOKEN, ClassTokenPool, CovariancePool, create_pooling

__all__ = ["DescriptorPool"]


class DescriptorPool(nn.Module):
    """One descriptor for each pooling, from both maps of `Backbone.maps`.

    ``cov`` pools the narrow map before the backbone's last 1x1 convolution, ``cls`` is the class token of a vision
    transformer, and the others pool the final map. DINOv2 joins ``cls`` and ``avg`` for its linear evaluation (Oquab et
    al., "DINOv2", TMLR 2024).

    Args:
        backbone: Gives the channel counts. It does not become part of this module.
        names: Out of ``avg``, ``gem``, ``cov``, ``cls``.
        cov_channels: d of the covariance; at most the channels of the map.

    Raises:
        SettingError: ``cls`` is asked for, but the backbone has no class token.
    """

    def __init__(self, backbone: Backbone, names: Sequence[str], cov_channels: int = 96) -> None:
        super().__init__()
        self.names = tuple(names)
        self.poolings = nn.ModuleDict()
        if CLASS_TOKEN in self.names and not backbone.has_class_token:
            raise SettingError(
                f"the pooling 'cls' needs the class token of a vision transformer, but '{backbone.name}' gives none; "
                "choose avg, or a backbone such as vit_small_patch14_dinov2"
            )
        for name in self.names:
            if name == "cov":
                projected = min(cov_channels, backbone.local_channels)
                self.poolings[name] = create_pooling(name, backbone.local_channels, projected=projected)
            else:
                self.poolings[name] = create_pooling(name, backbone.channels)

    @property
    def dims(self) -> dict[str, int]:
        """Length of each descriptor."""
        return {name: int(pooling.dim) for name, pooling in self.poolings.items()}  # type: ignore[arg-type]

    def forward(self, local: Tensor, final: Tensor, class_token: Tensor | None = None) -> dict[str, Tensor]:
        """(B, C', H, W), (B, C, H, W) and perhaps (B, C) to descriptors (B, D_name)."""

        def source(pooling: nn.Module) -> Tensor | None:
            if isinstance(pooling, CovariancePool):
                return local
            return class_token if isinstance(pooling, ClassTokenPool) else final

        return {name: pooling(source(pooling)) for name, pooling in self.poolings.items()}
