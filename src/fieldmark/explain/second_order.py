"""Local logits of the methods that compare channels with each other: quadratic forms in local features."""

from __future__ import annotations

import torch
from torch import Tensor

from fieldmark.explain.local_logits import Leaf, LocalLogits, held, leaf, whole_leaf
from fieldmark.layers.attention.guided_views import attention_box, crop_and_resize
from fieldmark.layers.pooling.bilinear import BilinearPool, bilinear_pool, power_normalize
from fieldmark.layers.pooling.sketches import RandomMaclaurin, TensorSketch
from fieldmark.layers.pooling.stream_fusion import match_grids
from fieldmark.methods.cal import CAL, CROPS
from fieldmark.methods.hierarchical_bilinear import HierarchicalBilinear
from fieldmark.methods.two_stream import TwoStreamMethod
from fieldmark.methods.ws_dan import REFINE_PADDING, REFINE_THRESHOLD, WSDAN

__all__ = ["read_hierarchical_bilinear", "read_two_stream", "read_ws_dan"]

_HELD = "the signed root and the descriptor's length held fixed"


def read_two_stream(method: TwoStreamMethod, images: Tensor) -> LocalLogits:
    """``bilinear_cnn`` and ``compact_bilinear``."""
    a, b = match_grids(*method.streams(images))
    first = whole_leaf(a, images)
    if isinstance(method.pool, BilinearPool | TensorSketch | RandomMaclaurin):
        # each place meets only itself: with one factor held, the other one's gradient is that place's product
        leaves, pooled = [first], method.pool(first.maps, b)
        how = f"products of two features at one place, exactly, {_HELD}"
    else:
        second = whole_leaf(b, images)
        leaves, pooled = [first, second], method.pool(first.maps, second.maps)
        how = f"gradient times feature, which adds up since the pooling is homogeneous, {_HELD}"
    return LocalLogits(method.head(held(pooled, power_normalize(pooled))), leaves, how)


def read_hierarchical_bilinear(method: HierarchicalBilinear, images: Tensor) -> LocalLogits:
    """``hierarchical_bilinear``: products of two levels' projections."""
    from fieldmark.backbones.levels import feature_levels

    maps = feature_levels(method.backbone, images, method.levels)
    last = maps[-1]
    factors = [last, last] if method.levels == 1 else [match_grids(level, last)[0] for level in maps]
    projected = [project(factor).float() for project, factor in zip(method.project, factors, strict=True)]
    leaves = [whole_leaf(one, images) for one in projected[:-1]]
    products = [(leaves[i].maps * projected[j]).mean((2, 3)) for i, j in method.pairs]
    descriptors = [held(product, power_normalize(product)) for product in products]
    return LocalLogits(
        method.head(torch.cat(descriptors, 1)),
        leaves,
        f"products of two levels' features at one place, exactly, {_HELD}",
    )


def read_ws_dan(method: WSDAN, images: Tensor) -> LocalLogits:
    """``ws_dan`` and ``cal``: the mean logits of the look at the photo and of the closer ones."""
    whole = whole_leaf(torch.zeros(1, 1, 1, 1), images).boxes
    boxes = torch.cat([whole, *_closer(method, images)])
    looks = [
        _look(method, crop_and_resize(images, box[None]) if index else images, box) for index, box in enumerate(boxes)
    ]
    logits = torch.stack([logits for logits, _ in looks]).mean(0)
    how = f"a place's feature under each attention map, exactly, attention, {_HELD[4:]}"
    if not isinstance(method, CAL) and len(looks) > 1:
        how += "; the mean logits of both looks, of which the answer averages the probabilities"
    return LocalLogits(logits, [one for _, one in looks], how)


def _look(method: WSDAN, images: Tensor, box: Tensor) -> tuple[Tensor, Leaf]:
    feature_map = method.backbone.local_map(images)
    attention = method.attend(feature_map)
    features = leaf(feature_map, box[None])
    pooled = bilinear_pool(attention, features.maps).flatten(1)
    return method.head(method.feature_scale * held(pooled, power_normalize(pooled))), features


def _closer(method: WSDAN, images: Tensor) -> list[Tensor]:
    """Boxes (1, 4) of the closer looks in evaluation."""
    if isinstance(method, CAL):
        crops = CROPS[: method.num_crops]
    else:
        crops = ((REFINE_THRESHOLD, REFINE_PADDING),) if method.refine else ()
    maps = method.look(images).attention_maps
    assert maps is not None
    size = (int(images.shape[2]), int(images.shape[3]))
    return [
        attention_box(maps.mean(1), size, torch.full((1,), threshold, device=images.device), padding)
        for threshold, padding in crops
    ]
