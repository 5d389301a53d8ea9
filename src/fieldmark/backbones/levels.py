"""The maps of a backbone's last stages, for methods that compare fine ones with coarse ones."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import SettingError

__all__ = ["feature_levels", "level_channels"]


def feature_levels(backbone: Backbone, images: Tensor, count: int) -> list[Tensor]:
    """The maps after the last `count` stages, (B, C_i, H_i, W_i), the finest first.

    The last one is the narrow map of `Backbone.maps` where the model has one. Vision transformers give the maps of
    their last blocks, all on one grid.
    """
    maps: list[Tensor] = backbone.model.forward_intermediates(  # type: ignore[operator]
        images, indices=count, intermediates_only=True
    )
    return maps


def level_channels(backbone: Backbone, count: int) -> list[int]:
    """Channels of each of the maps that `feature_levels` gives.

    Raises:
        SettingError: The model has fewer.
    """
    known: list[dict[str, Any]] = list(getattr(backbone.model, "feature_info", ()))
    if len(known) < count or not hasattr(backbone.model, "forward_intermediates"):
        raise SettingError(
            f"the backbone '{backbone.name}' gives the maps of {len(known)} stages, but {count} are asked for: "
            "set fewer levels or choose another backbone"
        )
    return [int(info["num_chs"]) for info in known[-count:]]
