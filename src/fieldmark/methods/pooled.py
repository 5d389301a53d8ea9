"""The plain method: backbone, one or several concatenated poolings, one linear layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.activation import place_activation, place_scores
from fieldmark.layers.pooling.descriptors import DescriptorPool
from fieldmark.layers.pooling.global_pooling import CLASS_TOKEN
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput

__all__ = ["PooledMethod"]

_EVIDENCE_NOTES = {
    "avg": "average: a place's feature times the class's weights, exactly",
    "gem": "generalised mean: gradient times feature, which adds up since the pooling is homogeneous",
    "cov": "square root of the covariance: gradient times feature, which adds up since the root is homogeneous",
    "cls": "class token: it belongs to no place, so that its part of the logits is not shown",
}


@dataclass(slots=True)
class _TokenFeatures(LocalFeatures):
    """Local features with the class token (B, C) of a vision transformer; None where it is not pooled."""

    class_token: Tensor | None = None


class PooledMethod(Method):
    """Base of ``linear_probe``, ``fine_tune`` and ``auto``: scaled and concatenated descriptors, then a linear layer.

    Each descriptor is centred and scaled (`set_scaling`), so that its units give it no larger weight.
    The embedding is the joined vector; the logits are linear in it.

    Args:
        backbone: The feature extractor.
        num_classes: K.
        poolings: Names out of ``avg``, ``gem``, ``cov``, ``cls``.
        dropout: On the embedding while training.
        cov_channels: Channels that ``cov`` projects to before it compares them.
        locates: Whether a learned locator (`set_locator`) says where the object is, instead of the sum of the channels.
    """

    locator: Tensor | None

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        poolings: Sequence[str] = ("avg",),
        dropout: float = 0.0,
        cov_channels: int = 96,
        locates: bool = False,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.register_buffer("locator", torch.zeros(backbone.local_channels) if locates else None)
        self.pool = DescriptorPool(backbone, poolings, cov_channels)
        for name, dim in self.pool.dims.items():
            self.register_buffer(f"center_{name}", torch.zeros(dim))
            self.register_buffer(f"scale_{name}", torch.ones(()))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sum(self.pool.dims.values()), num_classes)

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the maps that are pooled: the narrow map for ``cov``, the final map for the other poolings."""
        local, final, class_token = self.backbone.maps_with_class_token(images)
        maps = [LocalMap(final)] if set(self.pool.names) - {"cov"} else []
        maps += [LocalMap(local)] if "cov" in self.pool.names else []
        kept = class_token if CLASS_TOKEN in self.pool.names else None
        activation = place_activation(final) if self.locator is None else place_scores(local, self.locator)
        return _TokenFeatures(maps, feature_map=final, class_token=kept, activation=activation)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and the embedding (B, D)."""
        final, local = features.maps[0].features, features.maps[-1].features
        scaled = [
            (descriptor - getattr(self, f"center_{name}")) * getattr(self, f"scale_{name}")
            for name, descriptor in self.pool(local, final, getattr(features, "class_token", None)).items()
        ]
        embedding = torch.cat(scaled, 1)
        logits = self.head(self.dropout(embedding))
        return ModelOutput(logits, embedding, feature_map=features.feature_map, activation=features.activation)

    @property
    def evidence_note(self) -> str:
        return "; ".join(_EVIDENCE_NOTES[name] for name in self.pool.names)

    @property
    def evidence_exports(self) -> bool:
        return True

    def class_evidence(self, features: LocalFeatures, classes: Tensor) -> Tensor:
        """Return what each place adds through the descriptors to the logits of the classes, (B, H, W)."""
        final, local = features.maps[0].features, features.maps[-1].features
        weights = torch.split(self.head.weight[classes], list(self.pool.dims.values()), 1)  # (B, D_name) each
        parts = []
        for (name, pooling), weight in zip(self.pool.poolings.items(), weights, strict=True):
            source = local if name == "cov" else final
            parts.append(pooling.evidence(source, weight * getattr(self, f"scale_{name}")))  # type: ignore[operator]
        evidence: Tensor = torch.stack(parts).sum(0)
        return evidence

    @property
    def fitted_tensors(self) -> list[str]:
        """Names of the tensors that `set_scaling` and `set_head` set."""
        scalings = [f"{what}_{name}" for name in self.pool.names for what in ("center", "scale")]
        return [*scalings, "head.weight", "head.bias"]

    @torch.no_grad()
    def set_scaling(self, name: str, center: Tensor, scale: float) -> None:
        """Store the shift (D_name,) and the factor of one descriptor."""
        getattr(self, f"center_{name}").copy_(center)
        getattr(self, f"scale_{name}").fill_(scale)

    @torch.no_grad()
    def set_locator(self, weight: Tensor) -> None:
        """Store the weights (C',) of the narrow map's channels by which `locates` finds the object."""
        assert self.locator is not None
        self.locator.copy_(weight)

    @torch.no_grad()
    def set_head(self, weight: Tensor, bias: Tensor) -> None:
        """Store a linear layer that was fitted elsewhere: weight (K, D) and bias (K,)."""
        self.head.weight.copy_(weight)
        self.head.bias.copy_(bias)
