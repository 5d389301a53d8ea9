"""``bilinear_cnn``: bilinear pooling of two streams of local features.

Source: Lin, RoyChowdhury, Maji, "Bilinear CNN models for fine-grained visual recognition" (ICCV 2015).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import SettingError
from fieldmark.layers.pooling.bilinear import RootBilinearPool
from fieldmark.layers.pooling.stream_fusion import create_fusion
from fieldmark.methods import register_method
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.methods.two_stream import TwoStreamMethod

__all__ = ["BilinearCNN"]


@register_method("bilinear_cnn")
class BilinearCNN(TwoStreamMethod):
    """Outer products of the local features of two streams, averaged over locations.

    Args:
        backbone: f_A.
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: Options that do not go together.
    """

    class Settings(GradientSettings):
        """Bilinear pooling of two streams."""

        method: Literal["bilinear_cnn"] = "bilinear_cnn"
        second_backbone: str | None = Field(None, description="the other stream; the same backbone by default")
        fusion: Literal["bilinear", "concat", "sum", "max"] = Field(
            "bilinear", description="how the streams join: outer product, or a simpler fusion to compare it with"
        )
        projected: int | None = Field(128, ge=1, description="channels of each stream before fusion; none keeps all")
        matrix_root: bool = Field(
            False, description='square root of the matrix before that of its entries ("improved B-CNN")'
        )

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        second_backbone: Backbone | None,
        fusion: str,
        projected: int | None,
        matrix_root: bool,
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
