"""``bilinear_cnn``: the quadruple of two streams, a pooling and a classifier.

Source: Lin, RoyChowdhury, Maji, "Bilinear CNN models for fine-grained visual recognition" (ICCV 2015).
"""

from __future__ import annotations

from torch import nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import SettingError
from fieldmark.layers.pooling.bilinear import RootBilinearPool
from fieldmark.layers.pooling.stream_fusion import create_fusion
from fieldmark.methods.two_stream import TwoStreamMethod

__all__ = ["BilinearCNN"]


class BilinearCNN(TwoStreamMethod):
    """Outer products of the local features of two streams, averaged over locations.

    Args:
        backbone: f_A.
        num_classes: K.
        second_backbone: f_B; None for the symmetric model.
        fusion: ``bilinear``, or one of the fusions it is compared with: ``concat``, ``sum``, ``max``.
        projected: Channels that each stream is reduced to before; None for all of them.
        matrix_root: Take the square root of the matrix before that of its entries ("improved B-CNN").

    Raises:
        SettingError: Options that do not go together.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        second_backbone: Backbone | None = None,
        fusion: str = "bilinear",
        projected: int | None = 128,
        matrix_root: bool = False,
    ) -> None:
        super().__init__(backbone, num_classes, second_backbone, projected)
        if not matrix_root:
            pool: nn.Module = create_fusion(fusion, self.channels_a, self.channels_b)
        elif fusion == "bilinear" and second_backbone is None:
            pool = RootBilinearPool(self.channels_a)
        else:
            raise SettingError(
                "matrix_root needs fusion=bilinear and no second_backbone, since only a matrix of a map with itself "
                "has a square root: change one of them"
            )
        self.pool = pool
        self.head = nn.Linear(int(pool.dim), num_classes)  # type: ignore[arg-type]
