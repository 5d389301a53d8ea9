"""Local logits of the methods that read crops of the photo beside all of it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.backbones.factory import Backbone
from fieldmark.explain.local_logits import LocalLogits, held, leaf, whole_leaf
from fieldmark.layers.attention.part_maps import part_features
from fieldmark.layers.regions.boxcar import boxcar_crop
from fieldmark.layers.regions.crop_regions import crop_regions
from fieldmark.layers.regions.part_boxes import clip_boxes, widen_boxes
from fieldmark.methods.ma_cnn import MACNN
from fieldmark.methods.nts_net import FEATURE_LENGTH, NTSNet
from fieldmark.methods.part_rcnn import CONTEXT, PartRCNN
from fieldmark.methods.ra_cnn import RACNN

__all__ = ["read_ma_cnn", "read_nts_net", "read_part_rcnn", "read_ra_cnn"]

_LENGTH = "the features' lengths held fixed"


def read_nts_net(method: NTSNet, images: Tensor) -> LocalLogits:
    """``nts_net``: averages over the photo and over each part, side by side."""
    output = method(images)
    assert output.regions is not None
    assert output.feature_map is not None
    close = method.backbone(crop_regions(images, output.regions, method.crop_side(images)))
    whole, parts = whole_leaf(output.feature_map, images), leaf(close, output.regions[0])
    joined = FEATURE_LENGTH * torch.cat([_unit_mean(whole.maps), _unit_mean(parts.maps).flatten()[None]], 1)
    how = f"a place's feature in the photo and in each part times the class's weights, exactly, {_LENGTH}"
    return LocalLogits(method.head(joined), [whole, parts], how)


def read_ra_cnn(method: RACNN, images: Tensor) -> LocalLogits:
    """``ra_cnn``: averages at each scale."""
    output = method(images)
    assert output.regions is not None
    assert output.feature_map is not None
    side = method.crop_side(int(images.shape[3]))
    leaves = [whole_leaf(output.feature_map, images)]
    for index, box in enumerate(output.regions[0].detach()):
        backbone = method.inner_backbones[index] if len(method.inner_backbones) else method.backbone
        assert isinstance(backbone, Backbone)
        leaves.append(leaf(backbone(boxcar_crop(images, box[None], side, method.sharpness)), box[None]))
    embedding = torch.cat([_unit_mean(one.maps) for one in leaves], 1) / math.sqrt(method.num_scales)
    how = f"a place's feature at each scale times the class's weights, exactly, {_LENGTH}"
    return LocalLogits(method.head(method.feature_scale * embedding), leaves, how)


def read_ma_cnn(method: MACNN, images: Tensor) -> LocalLogits:
    """``ma_cnn``: averages over the photo and under each part's map."""
    feature_map = method.backbone(images)
    maps = method.grouping(feature_map)
    whole = whole_leaf(feature_map, images)
    features = torch.cat([whole.maps.mean((2, 3))[:, None], part_features(whole.maps, maps)], 1)  # (1, N + 1, C)
    unit = held(features, F.normalize(features, dim=2, eps=1e-5)).flatten(1) / math.sqrt(method.blocks)
    how = f"a place's feature in the photo and under each part's map, exactly, maps and {_LENGTH[4:]}"
    return LocalLogits(method.head(method.feature_scale * unit), [whole], how)


def read_part_rcnn(method: PartRCNN, images: Tensor) -> LocalLogits:
    """``part_rcnn``: averages over the photo, the object and each part that was found."""
    final, detections, merged = method.look(images)
    found = method.locate(detections, merged)
    size = (int(images.shape[3]), int(images.shape[2]))
    boxes = clip_boxes(widen_boxes(found.boxes, CONTEXT), size)
    close = method.backbone(crop_regions(images, boxes, method.part_size or size[0] // 2))
    whole, there = whole_leaf(final, images), found.present[0]
    parts = leaf(close, boxes[0])
    rows = torch.cat([whole.maps.mean((2, 3)), parts.maps.mean((2, 3))])  # (2 + P, D)
    centred = (rows - method.center) * method.scale
    kept = torch.where(there[:, None], centred[1:], method.absent)
    how = "a place's feature in the photo, the object and each part times the class's weights, exactly"
    return LocalLogits(method.head(torch.cat([centred[:1], kept]).flatten()[None]), [whole, parts], how)


def _unit_mean(maps: Tensor) -> Tensor:
    mean = maps.mean((2, 3))
    return held(mean, F.normalize(mean, dim=1, eps=1e-5))
