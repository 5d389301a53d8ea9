"""A frozen backbone as a torch module: images to descriptors, or to the local features that they pool."""

from __future__ import annotations

from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.runners.run_images import ACTIVATION
from fieldmark.layers.activation import place_activation
from fieldmark.layers.pooling.descriptors import DescriptorPool

__all__ = ["FrozenModule", "LocalFeatures"]


class FrozenModule(nn.Module):
    """Images to descriptors by name, and `ACTIVATION`, for `FrozenFeatures`."""

    def __init__(self, backbone: Backbone, pool: DescriptorPool) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = pool

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        local, final, class_token = self.backbone.maps_with_class_token(images)
        return {**self.pool(local, final, class_token), ACTIVATION: place_activation(final)}


class LocalFeatures(nn.Module):
    """Images to ``local``: the narrow map, flattened as (B, L * C')."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"local": self.backbone.maps(images)[0].flatten(2).transpose(1, 2).flatten(1)}
