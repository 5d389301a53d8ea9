"""``isqrt_cov``: the square root of the covariance of local features, by matrix products alone.

Source: Li, Xie, Wang, Gao, "Towards faster training of global covariance pooling networks by iterative matrix square
root normalization" (CVPR 2018).
"""

from __future__ import annotations

from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.pooling import CovarianceRoot
from fieldmark.methods.base import Method, ModelOutput

__all__ = ["ISqrtCov"]


class ISqrtCov(Method):
    """1x1 convolution, batch norm, ReLU; covariance over locations; Newton-Schulz; upper triangle; linear layer.

    Args:
        backbone: Its narrow map (`Backbone.local_map`) is compared with itself.
        num_classes: K.
        projected: d, the channels after the convolution; the descriptor has d (d + 1) / 2 numbers.
        iterations: Of Newton-Schulz.
    """

    def __init__(self, backbone: Backbone, num_classes: int, projected: int = 256, iterations: int = 5) -> None:
        super().__init__(backbone, num_classes)
        self.reduce = nn.Sequential(
            nn.Conv2d(backbone.local_channels, projected, 1, bias=False), nn.BatchNorm2d(projected), nn.ReLU()
        )
        self.pool = CovarianceRoot(projected, iterations)
        self.head = nn.Linear(self.pool.dim, num_classes)

    def forward(self, images: Tensor) -> ModelOutput:
        """Normalised images (B, 3, S, S) to logits (B, K) and the descriptor (B, d (d + 1) / 2)."""
        feature_map = self.reduce(self.backbone.local_map(images))  # (B, d, H, W)
        embedding = self.pool(feature_map)
        return ModelOutput(self.head(embedding), embedding, feature_map=feature_map)
