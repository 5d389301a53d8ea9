"""Local logits of the methods whose logits are linear in pooled local features."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.explain.local_logits import LocalLogits, held, whole_leaf
from fieldmark.layers.attention.channel_spatial import BlockAttention
from fieldmark.layers.pooling.global_pooling import GeneralizedMeanPool
from fieldmark.methods.cbam import AttentionMethod
from fieldmark.methods.isqrt_cov import ISqrtCov
from fieldmark.methods.metric_learning import MetricLearning
from fieldmark.methods.pmg import DESCRIPTOR_LENGTH, PMG
from fieldmark.methods.pooled import PooledMethod

__all__ = ["read_attention", "read_isqrt_cov", "read_metric_learning", "read_pmg", "read_pooled"]

_POOLINGS = {
    "avg": "average: a place's feature times the class's weights, exactly",
    "gem": "generalised mean: gradient times feature, which adds up since the pooling is homogeneous",
    "cov": "square root of the covariance: gradient times feature, which adds up since the root is homogeneous",
}


def read_pooled(method: PooledMethod, images: Tensor, head: Callable[[Tensor], Tensor] | None = None) -> LocalLogits:
    """``linear_probe``, ``fine_tune`` and members of ``auto``: images (1, 3, S, S).

    Another linear function of the embedding may take the head's place.
    """
    local, final = (whole_leaf(maps, images) for maps in method.backbone.maps(images))
    scaled = [
        (descriptor - getattr(method, f"center_{name}")) * getattr(method, f"scale_{name}")
        for name, descriptor in method.pool(local.maps, final.maps).items()
    ]
    names = method.pool.names
    leaves = [*([final] if set(names) - {"cov"} else []), *([local] if "cov" in names else [])]
    logits = (head or method.head)(torch.cat(scaled, 1))
    return LocalLogits(logits, leaves, "; ".join(_POOLINGS[name] for name in names))


def read_attention(method: AttentionMethod, images: Tensor) -> LocalLogits:
    """``cbam``: a place's weighted feature times the class's weights."""
    feature_map = method.backbone(images)
    if isinstance(method.attention, BlockAttention):
        weighted, _ = method.attention(feature_map)
    else:
        weighted = feature_map * method.attention(feature_map)
    whole = whole_leaf(weighted, images)
    how = "average under attention: a place's weighted feature times the class's weights, exactly"
    return LocalLogits(method.head(whole.maps.mean((2, 3))), [whole], how)


def read_isqrt_cov(method: ISqrtCov, images: Tensor) -> LocalLogits:
    """``isqrt_cov``: the root of the covariance is homogeneous of degree 1."""
    reduced = method.reduce(method.backbone.local_map(images))
    whole = whole_leaf(reduced, images)
    return LocalLogits(method.head(method.pool(whole.maps)), [whole], _POOLINGS["cov"])


def read_metric_learning(method: MetricLearning, images: Tensor) -> LocalLogits:
    """``metric_learning``: the pull of what is remembered of a class, weighed as the answer weighs it."""
    whole = whole_leaf(method.backbone(images), images)
    projected = method.project(method.pool(whole.maps))
    embedding = held(projected, F.normalize(projected, dim=1))
    kind = "gradient times feature" if isinstance(method.pool, GeneralizedMeanPool) else "a place's feature"
    how = f"likeness to what is remembered of the class, to first order: {kind}, the embedding's length held fixed"
    return LocalLogits(method.memory(embedding), [whole], how)


def read_pmg(method: PMG, images: Tensor) -> LocalLogits:
    """``pmg``: the places where each channel of each stage is highest."""
    from fieldmark.backbones.levels import feature_levels

    levels = feature_levels(method.backbone, images, method.levels)
    blocks = [block(level) for block, level in zip(method.blocks, levels, strict=True)]
    leaves = [whole_leaf(maps, images) for maps in blocks]
    descriptors = []
    for one in leaves:
        highest = one.maps.amax((2, 3))
        descriptors.append(held(highest, DESCRIPTOR_LENGTH * F.normalize(highest, dim=1, eps=1e-5)))
    answers = torch.stack([*method.classify(descriptors), method.head(torch.cat(descriptors, 1))])
    how = "maxima over places: a channel's weight where it is highest, exactly, the descriptors' lengths held fixed"
    return LocalLogits(answers.mean(0), leaves, how)
