"""Losses of deep metric learning: pairs, triplets and proxies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from fieldmark.errors import unknown_name
from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = ["OBJECTIVE_OPTIONS", "MetricLoss", "create_metric_loss"]

OBJECTIVE_OPTIONS: dict[str, dict[str, Any]] = {
    "contrastive": {"margin": 1.0},
    "triplet": {"margin": 0.2, "miner": "batch_hard"},
    "supcon": {"scale": 10.0},
    "multi_similarity": {},
    "proxy_anchor": {"margin": 0.1, "scale": 32.0},
    "arcface": {"margin": 28.6, "scale": 32.0},
    "subcenter_arcface": {"margin": 28.6, "scale": 32.0, "sub_centers": 3},
}
"""Objective -> its options and their defaults."""


class MetricLoss(nn.Module):
    """A loss of pytorch-metric-learning, and the miner that selects its pairs or triplets.

    Proxies are parameters of the loss: they are saved, and they train like a head.

    Args:
        loss: The loss.
        miner: None uses all pairs or triplets.
    """

    def __init__(self, loss: nn.Module, miner: nn.Module | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (B, D) and labels (B,) to a scalar, in float32 or more.

        A batch with nothing to compare gives zero, with zero gradients.
        """
        with without_autocast(embeddings):
            embeddings = at_least_float32(embeddings)
            chosen = None if self.miner is None else self.miner(embeddings, labels)
            loss: Tensor = self.loss(embeddings, labels, chosen)
        return loss


def create_metric_loss(objective: str, num_classes: int, dim: int, **options: Any) -> MetricLoss:
    """Create a loss by the name of its objective. Options that are None take the default of the objective.

    Args:
        objective: In `OBJECTIVE_OPTIONS`.
        num_classes: K.
        dim: D, of the embeddings.
        **options: ``miner``, ``margin``, ``scale``, ``sub_centers``, where the objective has them.

    Raises:
        SettingError: There is no such objective, or it has no such option.
    """
    if objective not in OBJECTIVE_OPTIONS:
        raise unknown_name("objective", objective, OBJECTIVE_OPTIONS)
    values = dict(OBJECTIVE_OPTIONS[objective])
    for name, value in options.items():
        if value is not None and name not in values:
            raise unknown_name(f"option of {objective}", name, values)
        values |= {} if value is None else {name: value}
    return _BUILDERS[objective](num_classes, dim, **values)


def _contrastive(num_classes: int, dim: int, margin: float) -> MetricLoss:
    from pytorch_metric_learning.losses import ContrastiveLoss

    return MetricLoss(ContrastiveLoss(neg_margin=margin, distance=_euclidean()))


def _triplet(num_classes: int, dim: int, margin: float, miner: str) -> MetricLoss:
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner

    loss = TripletMarginLoss(margin=margin, distance=_euclidean())
    if miner == "batch_hard":
        return MetricLoss(loss, BatchHardMiner(distance=_euclidean()))
    return MetricLoss(loss, TripletMarginMiner(margin, type_of_triplets="semihard", distance=_euclidean()))


def _supcon(num_classes: int, dim: int, scale: float) -> MetricLoss:
    from pytorch_metric_learning.losses import SupConLoss

    return MetricLoss(SupConLoss(temperature=1 / scale))


def _multi_similarity(num_classes: int, dim: int) -> MetricLoss:
    from pytorch_metric_learning.losses import MultiSimilarityLoss
    from pytorch_metric_learning.miners import MultiSimilarityMiner

    return MetricLoss(MultiSimilarityLoss(), MultiSimilarityMiner())


def _proxy_anchor(num_classes: int, dim: int, margin: float, scale: float) -> MetricLoss:
    from pytorch_metric_learning.losses import ProxyAnchorLoss

    return MetricLoss(ProxyAnchorLoss(num_classes, dim, margin=margin, alpha=scale))


def _arcface(num_classes: int, dim: int, margin: float, scale: float) -> MetricLoss:
    from pytorch_metric_learning.losses import ArcFaceLoss

    return MetricLoss(ArcFaceLoss(num_classes=num_classes, embedding_size=dim, margin=margin, scale=scale))


def _subcenter_arcface(num_classes: int, dim: int, margin: float, scale: float, sub_centers: int) -> MetricLoss:
    from pytorch_metric_learning.losses import SubCenterArcFaceLoss

    return MetricLoss(
        SubCenterArcFaceLoss(
            num_classes=num_classes, embedding_size=dim, margin=margin, scale=scale, sub_centers=sub_centers
        )
    )


def _euclidean() -> nn.Module:
    from pytorch_metric_learning.distances import LpDistance

    distance: nn.Module = LpDistance(normalize_embeddings=False)  # they have unit length already
    return distance


_BUILDERS: dict[str, Callable[..., MetricLoss]] = {
    "contrastive": _contrastive,
    "triplet": _triplet,
    "supcon": _supcon,
    "multi_similarity": _multi_similarity,
    "proxy_anchor": _proxy_anchor,
    "arcface": _arcface,
    "subcenter_arcface": _subcenter_arcface,
}
