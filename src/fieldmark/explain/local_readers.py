"""Which reading belongs to which method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from fieldmark.explain.cam import cam_local
from fieldmark.explain.layer_hooks import watched
from fieldmark.explain.local_logits import Local, LocalLogits
from fieldmark.explain.pooled_logits import (
    read_attention,
    read_isqrt_cov,
    read_metric_learning,
    read_pmg,
    read_pooled,
)
from fieldmark.explain.second_order import read_hierarchical_bilinear, read_two_stream, read_ws_dan
from fieldmark.explain.several_views import read_ma_cnn, read_nts_net, read_part_rcnn, read_ra_cnn
from fieldmark.methods.base import Method
from fieldmark.methods.cbam import AttentionMethod
from fieldmark.methods.hierarchical_bilinear import HierarchicalBilinear
from fieldmark.methods.isqrt_cov import ISqrtCov
from fieldmark.methods.ma_cnn import MACNN
from fieldmark.methods.metric_learning import MetricLearning
from fieldmark.methods.nts_net import NTSNet
from fieldmark.methods.part_rcnn import PartRCNN
from fieldmark.methods.pmg import PMG
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.ra_cnn import RACNN
from fieldmark.methods.two_stream import TwoStreamMethod
from fieldmark.methods.ws_dan import WSDAN

__all__ = ["READERS", "local_embedding", "local_evidence"]

READERS: dict[type[Method], Callable[[Any, Tensor], LocalLogits]] = {
    PooledMethod: read_pooled,
    AttentionMethod: read_attention,
    ISqrtCov: read_isqrt_cov,
    MetricLearning: read_metric_learning,
    PMG: read_pmg,
    TwoStreamMethod: read_two_stream,
    HierarchicalBilinear: read_hierarchical_bilinear,
    WSDAN: read_ws_dan,
    NTSNet: read_nts_net,
    RACNN: read_ra_cnn,
    MACNN: read_ma_cnn,
    PartRCNN: read_part_rcnn,
}
"""A method's class, or one that it inherits from -> how its logits come from places."""


def local_evidence(method: Method, images: Tensor, classes: Sequence[int]) -> Local:
    """What each place of normalised images (1, 3, S, S) adds to the logits of some classes.

    A method without a reading of its own is read by its gradients, see `cam_local`.
    """
    for kind in type(method).__mro__:
        if kind in READERS:
            with watched(method) as earlier:
                return READERS[kind](method, images).local(classes, earlier)
    return cam_local(method, images, classes)


def local_embedding(method: Method, images: Tensor, weight: Tensor) -> Local:
    """What each place of normalised images (1, 3, S, S) adds to T linear functions of the embedding.

    Args:
        method: Where the embedding is pooled from places, this adds up; any other one is read by its gradients.
        images: One photo.
        weight: (T, D).
    """
    targets = range(len(weight))
    if isinstance(method, PooledMethod):
        with watched(method) as earlier:
            return read_pooled(method, images, lambda embedding: embedding @ weight.T).local(targets, earlier)
    return cam_local(method, images, targets, lambda output: output.embedding @ weight.T)
