"""Global pooling: a feature map (B, C, H, W) to one descriptor (B, D) for each image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fieldmark.errors import unknown_name
from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = [
    "CLASS_TOKEN",
    "POOLINGS",
    "AveragePool",
    "ClassTokenPool",
    "CovariancePool",
    "CovarianceRoot",
    "GeneralizedMeanPool",
    "create_pooling",
    "matrix_sqrt",
    "matrix_sqrt_gradient",
    "principal_components",
]

CLASS_TOKEN = "cls"
"""The pooling that reads no map."""

_SMALLEST = 1e-6
"""Activations are cut off below this value: a negative number has no p-th power."""


class AveragePool(nn.Module):
    """Mean over places; D = C."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dim = channels

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C)."""
        return feature_map.mean((-2, -1))

    def evidence(self, feature_map: Tensor, weight: Tensor) -> Tensor:
        """Return what each place adds to ``descriptor @ weight``: (B, C, H, W) and (B, C) -> (B, H, W)."""
        return (feature_map * weight[:, :, None, None]).sum(1) / (feature_map.shape[2] * feature_map.shape[3])


class GeneralizedMeanPool(nn.Module):
    """Generalised mean (GeM): the p-th root of the mean of p-th powers, D = C. p = 1 is the mean, p -> inf the maximum.

    Source: Radenović, Tolias, Chum, "Fine-tuning CNN image retrieval with no human annotation" (2018), eq. 3.
    """

    def __init__(self, channels: int, p: float = 3.0) -> None:
        super().__init__()
        self.dim = channels
        self.p = nn.Parameter(torch.tensor(float(p)))

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C); negative activations count as zero."""
        return feature_map.clamp_min(_SMALLEST).pow(self.p).mean((-2, -1)).pow(1.0 / self.p)

    def evidence(self, feature_map: Tensor, weight: Tensor) -> Tensor:
        """Return what each place adds, in proportion to the p-th powers; shapes as `AveragePool.evidence`."""
        powers = feature_map.clamp_min(_SMALLEST).pow(self.p)
        shares: Tensor = powers / powers.sum((2, 3), keepdim=True) * self(feature_map)[:, :, None, None]
        return (shares * weight[:, :, None, None]).sum(1)


class ClassTokenPool(nn.Module):
    """The class token of a vision transformer as it is; D = C."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dim = channels

    def forward(self, class_token: Tensor) -> Tensor:
        """(B, C) -> (B, C)."""
        return class_token

    def evidence(self, feature_map: Tensor, weight: Tensor) -> Tensor:
        """Return zeros (B, H, W): no place of the last map enters the token of the last layer."""
        return torch.zeros_like(feature_map[:, 0]) * weight[:, :1, None]


class CovarianceRoot(nn.Module):
    """Upper triangle of the matrix square root of the covariance of local features; D = d (d + 1) / 2.

    Off-diagonal entries are scaled by sqrt(2), so that the inner product of two descriptors is that of the two
    matrices. The Newton-Schulz iteration computes the root by matrix products only, so it runs and exports everywhere.
    It computes in float32 or more.

    Source: Li, Xie, Wang, Gao, "Towards faster training of global covariance pooling networks by iterative
    matrix square root normalization" (CVPR 2018), eq. 2-6.

    Args:
        channels: d.
        iterations: Newton-Schulz iterations.
    """

    scale: Tensor
    rows: Tensor
    columns: Tensor
    entries: Tensor
    halves: Tensor

    def __init__(self, channels: int, iterations: int = 7) -> None:
        super().__init__()
        self.iterations = iterations
        self.dim = channels * (channels + 1) // 2
        rows, columns = torch.triu_indices(channels, channels)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("scale", torch.where(rows == columns, 1.0, 2.0**0.5), persistent=False)
        entries = torch.zeros(channels, channels, dtype=torch.int64)  # of the descriptor, for each place of the matrix
        entries[rows, columns] = entries[columns, rows] = torch.arange(self.dim)
        self.register_buffer("entries", entries.flatten(), persistent=False)
        self.register_buffer("halves", 0.5 + 0.5 * torch.eye(channels), persistent=False)

    def extra_repr(self) -> str:
        return f"iterations={self.iterations}"  # part of the key of cached descriptors

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, d, H, W) -> (B, d (d + 1) / 2)."""
        with without_autocast(feature_map):
            local = at_least_float32(feature_map).flatten(2)  # (B, d, N)
            local = local - local.mean(2, keepdim=True)
            covariance = local @ local.transpose(1, 2) / local.shape[2]  # (B, d, d)
            root = matrix_sqrt(covariance, self.iterations)
            flat = root.flatten(1)  # gathering from the flat matrix exports to a single ONNX Gather
            return flat[:, self.rows * root.shape[-1] + self.columns] * self.scale

    def evidence(self, feature_map: Tensor, weight: Tensor) -> Tensor:
        """Return gradient times feature at each place, (B, d, H, W) and (B, D) -> (B, H, W).

        The gradient is that of ``descriptor @ weight``, written out, because an exported graph has no gradients. The
        sum over places is ``descriptor @ weight``, since the root of a covariance is homogeneous of degree 1 in the
        features.
        """
        local = feature_map.flatten(2)
        centred = local - local.mean(2, keepdim=True)
        covariance = centred @ centred.transpose(1, 2) / local.shape[2]
        side = covariance.shape[-1]
        upstream = (weight * self.scale)[:, self.entries].reshape(-1, side, side) * self.halves
        gradient = matrix_sqrt_gradient(covariance, upstream, self.iterations)
        pull = (gradient + gradient.transpose(1, 2)) @ centred / local.shape[2]
        return (local * pull).sum(1).reshape(-1, *feature_map.shape[2:])


class CovariancePool(nn.Module):
    """`CovarianceRoot` after a 1x1 convolution C -> d; for frozen features, the principal components.

    Args:
        channels: C.
        projected: d.
        iterations: Newton-Schulz iterations.
    """

    def __init__(self, channels: int, projected: int = 96, iterations: int = 7) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, projected, 1)
        self.root = CovarianceRoot(projected, iterations)
        self.dim = self.root.dim

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, d (d + 1) / 2)."""
        descriptor: Tensor = self.root(self.projection(feature_map))
        return descriptor

    def evidence(self, feature_map: Tensor, weight: Tensor) -> Tensor:
        """Return gradient times feature at each place, (B, C, H, W) and (B, D) -> (B, H, W)."""
        projected = nn.functional.conv2d(feature_map, self.projection.weight)  # a bias moves no covariance
        shown: Tensor = self.root.evidence(projected, weight)
        return shown

    @torch.no_grad()
    def fit_projection(self, local_features: Tensor) -> None:
        """Set the projection to the principal components of local features of shape (n, C)."""
        components, mean = principal_components(local_features, self.projection.out_channels)
        self.projection.weight.copy_(components[:, :, None, None])
        bias = self.projection.bias
        assert bias is not None
        bias.copy_(-(components @ mean))


def principal_components(local_features: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the first principal components (count, C) of features (n, C), and their mean (C,).

    The entry of largest magnitude of each component is positive.
    """
    mean = local_features.mean(0)
    centred = local_features - mean
    _, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    components = vectors.flip(1)[:, :count].T  # strongest first
    signs = components.gather(1, components.abs().argmax(1, keepdim=True)).sign()  # eigh leaves signs open
    return components * signs, mean


def matrix_sqrt(matrix: Tensor, iterations: int = 7) -> Tensor:
    """Return the square root of symmetric positive semi-definite matrices (B, d, d) by coupled Newton-Schulz.

    The matrix is divided by its trace first, since the iteration diverges otherwise, and multiplied back after. Small
    eigenvalues converge last: few iterations damp them, which regularises. A zero matrix gives zeros.
    """
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1).clamp_min(1e-12)[:, None, None]
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    y = matrix / trace
    z = identity.expand_as(y)
    for step in range(iterations):
        t = 1.5 * identity - 0.5 * (z @ y)
        y = y @ t
        if step < iterations - 1:  # the last z is not needed
            z = t @ z
    return y * trace.sqrt()


def matrix_sqrt_gradient(matrix: Tensor, upstream: Tensor, iterations: int = 7) -> Tensor:
    """Return the gradient of ``(matrix_sqrt(matrix) * upstream).sum()`` in the matrix; all three are (B, d, d).

    It is backpropagation through the same iterations, by matrix products only.
    """
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1).clamp_min(1e-12)[:, None, None]
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    y, z = matrix / trace, identity.expand_as(matrix)
    steps = []
    for _ in range(iterations):
        t = 1.5 * identity - 0.5 * (z @ y)
        steps.append((y, z, t))
        y, z = y @ t, t @ z
    of_y, of_z = upstream * trace.sqrt(), torch.zeros_like(matrix)
    for before_y, before_z, t in reversed(steps):
        of_t = before_y.transpose(1, 2) @ of_y + of_z @ before_z.transpose(1, 2)
        of_y = of_y @ t.transpose(1, 2) - 0.5 * before_z.transpose(1, 2) @ of_t
        of_z = t.transpose(1, 2) @ of_z - 0.5 * of_t @ before_y.transpose(1, 2)
    of_trace = 0.5 * (y * upstream).sum((1, 2), keepdim=True) / trace.sqrt()
    of_trace = of_trace - (of_y * matrix).sum((1, 2), keepdim=True) / trace.square()
    return of_y / trace + of_trace * identity


GlobalPool = AveragePool | GeneralizedMeanPool | CovariancePool | ClassTokenPool

POOLINGS: dict[str, type[GlobalPool]] = {
    "avg": AveragePool,
    "gem": GeneralizedMeanPool,
    "cov": CovariancePool,
    CLASS_TOKEN: ClassTokenPool,
}


def create_pooling(name: str, channels: int, **options: float) -> GlobalPool:
    """Create a pooling by name.

    Raises:
        SettingError: There is no such pooling.
    """
    if name not in POOLINGS:
        raise unknown_name("pooling", name, POOLINGS)
    return POOLINGS[name](channels, **options)  # type: ignore[arg-type]
