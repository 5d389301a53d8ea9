"""``compact_bilinear``: a random sketch of the bilinear descriptor, with a hundredth of its length.

Source: Gao, Beijbom, Zhang, Darrell, "Compact bilinear pooling" (CVPR 2016).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.pooling.sketches import create_sketch
from fieldmark.methods import register_method
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.methods.two_stream import TwoStreamMethod

__all__ = ["CompactBilinear"]


@register_method("compact_bilinear")
class CompactBilinear(TwoStreamMethod):
    """`BilinearCNN` with a descriptor of a hundredth of the length.

    Args:
        backbone: f_A.
        num_classes: K.
        **options: See `Settings`.

    """

    class Settings(GradientSettings):
        """A random sketch of the bilinear descriptor."""

        method: Literal["compact_bilinear"] = "compact_bilinear"
        second_backbone: str | None = Field(None, description="the other stream; the same backbone by default")
        sketch: Literal["tensor_sketch", "random_maclaurin"] = Field("tensor_sketch", description="kind of sketch")
        sketch_dim: int = Field(8192, ge=1, description="length of the sketch")
        projected: int | None = Field(
            None, ge=1, description="channels of each stream before the sketch; none keeps all"
        )

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        second_backbone: Backbone | None,
        sketch: str,
        sketch_dim: int,
        projected: int | None,
    ) -> None:
        super().__init__(backbone, num_classes, second_backbone, projected)
        self.pool = create_sketch(sketch, self.channels_a, self.channels_b, sketch_dim)
        self.head = nn.Linear(sketch_dim, num_classes)
