"""``compact_bilinear``: two streams, a random sketch of their bilinear descriptor, a linear classifier.

Source: Gao, Beijbom, Zhang, Darrell, "Compact bilinear pooling" (CVPR 2016).
"""

from __future__ import annotations

from torch import nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.pooling.sketches import create_sketch
from fieldmark.methods.two_stream import TwoStreamMethod

__all__ = ["CompactBilinear"]


class CompactBilinear(TwoStreamMethod):
    """`BilinearCNN` with a descriptor that is a hundredth as long.

    Args:
        backbone: f_A.
        num_classes: K.
        second_backbone: f_B; None for the symmetric model.
        sketch: ``tensor_sketch`` or ``random_maclaurin``.
        sketch_dim: Length of the descriptor.
        projected: Channels that each stream is reduced to before; None for all of them.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        second_backbone: Backbone | None = None,
        sketch: str = "tensor_sketch",
        sketch_dim: int = 8192,
        projected: int | None = None,
    ) -> None:
        super().__init__(backbone, num_classes, second_backbone, projected)
        self.pool = create_sketch(sketch, self.channels_a, self.channels_b, sketch_dim)
        self.head = nn.Linear(sketch_dim, num_classes)
