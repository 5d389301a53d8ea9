"""Settings of the methods that compare the channels of a feature map with each other."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.settings.gradient import GradientSettings

__all__ = ["BilinearCNNSettings", "CompactBilinearSettings", "HierarchicalBilinearSettings", "ISqrtCovSettings"]


class BilinearCNNSettings(GradientSettings):
    """The quadruple of two streams, a fusion and a classifier."""

    method: Literal["bilinear_cnn"] = "bilinear_cnn"
    second_backbone: str | None = Field(None, description="the other stream; the same one when left out")
    fusion: Literal["bilinear", "concat", "sum", "max"] = "bilinear"
    projected: int | None = Field(128, ge=1, description="channels of each stream before fusion; none keeps all")
    matrix_root: bool = Field(False, description="square root of the matrix before that of its entries")


class CompactBilinearSettings(GradientSettings):
    """A random sketch of the bilinear descriptor."""

    method: Literal["compact_bilinear"] = "compact_bilinear"
    second_backbone: str | None = Field(None, description="the other stream; the same one when left out")
    sketch: Literal["tensor_sketch", "random_maclaurin"] = "tensor_sketch"
    sketch_dim: int = Field(8192, ge=1, description="length of the sketch")
    projected: int | None = Field(None, ge=1, description="channels of each stream before the sketch; none keeps all")


class HierarchicalBilinearSettings(GradientSettings):
    """Low-rank bilinear pooling of each pair of the backbone's last stages."""

    method: Literal["hierarchical_bilinear"] = "hierarchical_bilinear"
    levels: int = Field(3, ge=1, le=5, description="stages that are compared; 1 compares the last one with itself")
    rank: int = Field(2048, ge=1, description="channels that each is projected to")


class ISqrtCovSettings(GradientSettings):
    """The matrix square root of the covariance of local features."""

    method: Literal["isqrt_cov"] = "isqrt_cov"
    projected: int = Field(128, ge=1, description="channels that are compared with each other")
    iterations: int = Field(5, ge=1, le=30, description="Newton-Schulz steps")
    start: Literal["components", "random"] = Field(
        "components", description="principal components of local features, or the paper's random one with batch norm"
    )
