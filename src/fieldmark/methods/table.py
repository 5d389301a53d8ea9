"""Method's name -> how it is built. A new method adds its line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fieldmark.backbones.factory import create_backbone
from fieldmark.errors import unknown_name
from fieldmark.methods.base import Method
from fieldmark.methods.bilinear_cnn import BilinearCNN
from fieldmark.methods.cal import CAL
from fieldmark.methods.cbam import AttentionMethod
from fieldmark.methods.compact_bilinear import CompactBilinear
from fieldmark.methods.hierarchical_bilinear import HierarchicalBilinear
from fieldmark.methods.isqrt_cov import ISqrtCov
from fieldmark.methods.ma_cnn import MACNN
from fieldmark.methods.metric_learning import MetricLearning
from fieldmark.methods.nts_net import NTSNet
from fieldmark.methods.part_rcnn import PartRCNN
from fieldmark.methods.pmg import PMG
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.ra_cnn import RACNN
from fieldmark.methods.ws_dan import WSDAN

__all__ = ["METHODS", "build_method"]

METHODS: dict[str, Callable[..., Method]] = {
    "linear_probe": PooledMethod,
    "fine_tune": PooledMethod,
    "auto": PooledMethod,
    "bilinear_cnn": BilinearCNN,
    "cal": CAL,
    "cbam": AttentionMethod,
    "compact_bilinear": CompactBilinear,
    "hierarchical_bilinear": HierarchicalBilinear,
    "isqrt_cov": ISqrtCov,
    "ma_cnn": MACNN,
    "nts_net": NTSNet,
    "pmg": PMG,
    "ra_cnn": RACNN,
    "metric_learning": MetricLearning,
    "part_rcnn": PartRCNN,
    "ws_dan": WSDAN,
}


def build_method(
    name: str,
    num_classes: int,
    options: Mapping[str, Any],
    image_size: int | None = None,
    *,
    pretrained: bool = False,
    weights: Any = None,
) -> Method:
    """A method by name.

    Args:
        name: In `METHODS`.
        num_classes: K.
        options: ``backbone`` and whatever else the method's constructor takes; ``second_backbone`` is a name too.
        image_size: Only for backbones whose weights depend on it.
        pretrained: Load the backbones' ImageNet weights; not needed where a state dict follows.
        weights: A file with the first backbone's weights instead.

    Raises:
        SettingError: There is no such method or backbone.
    """
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    rest = {key: value for key, value in options.items() if key != "backbone"}
    backbone = create_backbone(options.get("backbone"), image_size=image_size, pretrained=pretrained, weights=weights)
    if rest.get("second_backbone"):
        size = image_size or backbone.native_size
        rest["second_backbone"] = create_backbone(rest["second_backbone"], image_size=size, pretrained=pretrained)
    return METHODS[name](backbone, num_classes, **rest)
