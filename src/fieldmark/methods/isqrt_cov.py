"""``isqrt_cov``: the matrix square root of the covariance of local features.

Source: Li, Xie, Wang, Gao, "Towards faster training of global covariance pooling networks by iterative matrix square
root normalization" (CVPR 2018).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import unknown_name
from fieldmark.layers.pooling.global_pooling import CovarianceRoot, principal_components
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput, Photos
from fieldmark.methods.even_sample import EvenSample
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["ISqrtCov"]

COMPONENT_PHOTOS = 500
"""Maximum number of photos for the principal components."""


@register_method("isqrt_cov")
class ISqrtCov(Method):
    """1x1 convolution; covariance over locations; Newton-Schulz; upper triangle; linear layer.

    The convolution begins with the principal components of the training photos' local features. ``random`` is the
    paper's, a random one with batch norm and ReLU, which wants more photos and epochs than a few hundred and a few.

    Args:
        backbone: Its narrow map (`Backbone.local_map`) is compared with itself.
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: There is no such start.
    """

    class Settings(GradientSettings):
        """The matrix square root of the covariance of local features."""

        method: Literal["isqrt_cov"] = "isqrt_cov"
        projected: int = Field(128, ge=1, description="channels that are compared with each other")
        iterations: int = Field(5, ge=1, le=30, description="Newton-Schulz steps")
        start: Literal["components", "random"] = Field(
            "components",
            description="initial projection: principal components of local features, or the paper's random one with "
            "batch norm",
        )

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        projected: int,
        iterations: int,
        start: str,
    ) -> None:
        super().__init__(backbone, num_classes)
        if start not in ("components", "random"):
            raise unknown_name("start", start, ["components", "random"])
        projected = min(projected, backbone.local_channels) if start == "components" else projected
        self.start = start
        self.reduce: nn.Sequential = nn.Sequential(nn.Conv2d(backbone.local_channels, projected, 1, bias=False))
        if start == "random":
            self.reduce.extend([nn.BatchNorm2d(projected), nn.ReLU()])
        self.pool = CovarianceRoot(projected, iterations)
        self.head = nn.Linear(self.pool.dim, num_classes)

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the reduced map, (B, d, H, W)."""
        feature_map = self.reduce(self.backbone.local_map(images))
        return LocalFeatures([LocalMap(feature_map)], feature_map=feature_map)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and the descriptor (B, d (d + 1) / 2)."""
        embedding = self.pool(features.maps[0].features)
        return ModelOutput(self.head(embedding), embedding, feature_map=features.feature_map)

    @property
    def evidence_note(self) -> str:
        return "square root of the covariance: gradient times feature, which adds up since the root is homogeneous"

    @torch.no_grad()
    def begin_stage(self, index: int, photos: Photos) -> None:
        """Set the convolution to the principal components of a few hundred photos."""
        if index or self.start != "components":
            return
        convolution = self.reduce[0]
        assert isinstance(convolution, nn.Conv2d)
        local = EvenSample[Tensor](COMPONENT_PHOTOS)
        for images, _ in photos():
            feature_map = self.backbone.local_map(images.to(convolution.weight.device))
            local.add(feature_map.float().cpu())
        features = torch.stack(local.kept).permute(0, 2, 3, 1).flatten(0, 2)  # (n H W, C)
        components, _ = principal_components(features, convolution.out_channels)
        convolution.weight.copy_(components[:, :, None, None])
