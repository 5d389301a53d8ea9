"""The winner's evidence inside the exported graph, where it is a plain function of the feature map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fieldmark.data.photos.views import whole_views
from fieldmark.layers.pooling.global_pooling import GeneralizedMeanPool
from fieldmark.methods.base import Method, ModelOutput
from fieldmark.methods.pooled import PooledMethod

__all__ = ["EvidenceMap", "by_view", "evidence_map"]

_SMALLEST = 1e-6  # where `GeneralizedMeanPool` cuts activations off


def evidence_map(method: Method, views: int) -> EvidenceMap | None:
    """For a linear head on average or generalised-mean pooling; None for every other method."""
    if isinstance(method, PooledMethod) and set(method.pool.names) <= {"avg", "gem"}:
        return EvidenceMap(method, views)
    return None


def by_view(values: Tensor, views: int) -> Tensor:
    """(V B, ...) as (V, B, ...)."""
    return values.reshape(views, -1, *values.shape[1:])


class EvidenceMap(nn.Module):
    """What each place adds to the winner's logit, (B, h, w), the mean over the views that show the whole photo.

    With average pooling that is a place's feature times the class's weights; with generalised-mean pooling a place
    has a share in a channel's descriptor like that of its power in the sum of powers. Either adds up to the logit of
    these views, less a constant of the class.

    Args:
        method: Its head and poolings are read.
        views: V, see `fieldmark.data.photos.views`.
    """

    def __init__(self, method: PooledMethod, views: int) -> None:
        super().__init__()
        self._method = [method]  # held in a list, so that its weights belong to one module alone
        self.views = views

    def __call__(self, output: ModelOutput, winners: Tensor) -> Tensor:
        shown: Tensor = super().__call__(output, winners)
        return shown

    def forward(self, output: ModelOutput, winners: Tensor) -> Tensor:
        """From the output for all views (V B, ...) and the winners (B,)."""
        method = self._method[0]
        assert output.feature_map is not None
        maps = by_view(output.feature_map, self.views)  # (V, B, C, h, w)
        weights = torch.split(method.head.weight[winners], list(method.pool.dims.values()), 1)
        looks: list[Tensor] = []
        for index in range(whole_views(self.views)):
            parts = [
                (self._shares(name, maps[index]) * (weight * getattr(method, f"scale_{name}"))[:, :, None, None]).sum(1)
                for name, weight in zip(method.pool.names, weights, strict=True)
            ]
            total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
            looks.append(total if index == 0 else total.flip(2))
        return looks[0] if len(looks) == 1 else (looks[0] + looks[1]) / 2

    def _shares(self, name: str, feature_map: Tensor) -> Tensor:
        """(B, C, h, w) that adds up over places to the descriptor (B, C)."""
        pooling = self._method[0].pool.poolings[name]
        if not isinstance(pooling, GeneralizedMeanPool):
            return feature_map / (feature_map.shape[2] * feature_map.shape[3])
        pooled: Tensor = pooling(feature_map)
        powers = feature_map.clamp_min(_SMALLEST).pow(pooling.p)
        shares: Tensor = powers / powers.sum((2, 3), keepdim=True)
        return shares * pooled[:, :, None, None]
