"""The plain method: backbone, one or several poolings side by side, one linear layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.pooling.descriptors import DescriptorPool
from fieldmark.methods.base import Method, ModelOutput

__all__ = ["PooledMethod"]


class PooledMethod(Method):
    """Base of ``linear_probe``, ``fine_tune`` and ``auto``: descriptors, scaled and joined, then a linear layer.

    Each descriptor is centred and scaled (`set_scaling`), so that its units give it no larger weight.
    The embedding is the joined vector; the logits are linear in it.

    Args:
        backbone: The feature extractor.
        num_classes: K.
        poolings: Names out of ``avg``, ``gem``, ``cov``.
        dropout: On the embedding while training.
        cov_channels: Channels that ``cov`` projects to before it compares them.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        poolings: Sequence[str] = ("avg",),
        dropout: float = 0.0,
        cov_channels: int = 96,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.pool = DescriptorPool(backbone, poolings, cov_channels)
        for name, dim in self.pool.dims.items():
            self.register_buffer(f"center_{name}", torch.zeros(dim))
            self.register_buffer(f"scale_{name}", torch.ones(()))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sum(self.pool.dims.values()), num_classes)

    def forward(self, images: Tensor) -> ModelOutput:
        """Normalised images (B, 3, S, S) to logits (B, K) and the embedding (B, D)."""
        local, final = self.backbone.maps(images)
        scaled = [
            (descriptor - getattr(self, f"center_{name}")) * getattr(self, f"scale_{name}")
            for name, descriptor in self.pool(local, final).items()
        ]
        embedding = torch.cat(scaled, 1)
        return ModelOutput(self.head(self.dropout(embedding)), embedding, feature_map=final)

    @torch.no_grad()
    def set_scaling(self, name: str, center: Tensor, scale: float) -> None:
        """Store the shift (D_name,) and the factor of one descriptor."""
        getattr(self, f"center_{name}").copy_(center)
        getattr(self, f"scale_{name}").fill_(scale)

    @torch.no_grad()
    def set_head(self, weight: Tensor, bias: Tensor) -> None:
        """Store a linear layer that was fitted elsewhere: weight (K, D) and bias (K,)."""
        self.head.weight.copy_(weight)
        self.head.bias.copy_(bias)
