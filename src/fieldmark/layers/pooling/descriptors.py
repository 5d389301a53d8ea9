"""Several poolings of one backbone side by side."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.pooling.global_pooling import CovariancePool, create_pooling

__all__ = ["DescriptorPool"]


class DescriptorPool(nn.Module):
    """One descriptor for each pooling, from both maps of `Backbone.maps`.

    ``cov`` pools the narrow map before the backbone's last 1x1 convolution, the others the final one.

    Args:
        backbone: Gives the channel counts. It does not become part of this module.
        names: Out of ``avg``, ``gem``, ``cov``.
        cov_channels: d of the covariance; at most the channels of the map.
    """

    def __init__(self, backbone: Backbone, names: Sequence[str], cov_channels: int = 96) -> None:
        super().__init__()
        self.names = tuple(names)
        self.poolings = nn.ModuleDict()
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

    def forward(self, local: Tensor, final: Tensor) -> dict[str, Tensor]:
        """(B, C', H, W) and (B, C, H, W) to descriptors (B, D_name)."""
        return {
            name: pooling(local if isinstance(pooling, CovariancePool) else final)
            for name, pooling in self.poolings.items()
        }
