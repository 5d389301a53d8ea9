"""Whose photos batch norm takes its statistics from where several processes share a batch."""

from __future__ import annotations

from torch import nn

from fieldmark.methods.base import Method

__all__ = ["share_batch_statistics", "shares_batch_statistics", "trained_batch_norms"]


def share_batch_statistics(method: Method, device: str) -> bool:
    """Let the batch norms of a method take their statistics from the photos of all processes, where PyTorch can.

    Its `SyncBatchNorm` computes on GPUs only. Weights and state keep their names.

    Args:
        method: Changed in place.
        device: Kind of device that trains, such as ``cuda``.

    Returns:
        Whether they now do.
    """
    if device != "cuda":
        return False
    from timm.layers.norm_act import convert_sync_batchnorm  # keeps the activations inside of timm's batch norms

    convert_sync_batchnorm(method)  # type: ignore[no-untyped-call]
    return True


def shares_batch_statistics(method: Method) -> bool:
    """Return whether a method has batch norms that `share_batch_statistics` made."""
    return any(isinstance(module, nn.SyncBatchNorm) for module in method.modules())


def trained_batch_norms(method: Method, *, frozen_batchnorm: bool) -> bool:
    """Return whether a method has batch norms that use the statistics of batches.

    Args:
        method: What trains.
        frozen_batchnorm: Whether those of the backbones keep their running statistics.
    """
    kept = {id(module) for backbone in method.backbones for module in backbone.modules()} if frozen_batchnorm else set()
    return any(isinstance(each, nn.modules.batchnorm._BatchNorm) and id(each) not in kept for each in method.modules())
