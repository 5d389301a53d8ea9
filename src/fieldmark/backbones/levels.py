"""Feature maps of a backbone's last stages, for methods that combine fine and coarse maps."""

from __future__ import annotations

from torch import Tensor

from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.map_choice import stage_info
from fieldmark.errors import SettingError

__all__ = ["feature_levels", "level_channels"]


def feature_levels(backbone: Backbone, images: Tensor, count: int) -> list[Tensor]:
    """Return the maps after the last `count` stages, (B, C_i, H_i, W_i), the finest first.

    A backbone whose name lists layers returns the last `count` of these. The last map is that of `Backbone.local_map`.
    Vision transformers return the maps of their last blocks, all on one grid. The model's final norm is applied to
    every map that it fits: to all of a vision transformer, to the last one of a network whose stages differ in
    channels.
    """
    if backbone.layers:
        return backbone.layer_maps(images)[-count:]
    maps: list[Tensor] = backbone.model.forward_intermediates(  # type: ignore[operator]
        images, indices=count, intermediates_only=True, norm=True
    )
    return maps


def level_channels(backbone: Backbone, count: int) -> list[int]:
    """Return the channels of each map of `feature_levels`.

    Raises:
        SettingError: The model has fewer stages.
    """
    if backbone.layers:
        if len(backbone.layers) < count:
            raise SettingError(
                f"the backbone '{backbone.name}' names {len(backbone.layers)} layers, but {count} levels are needed: "
                "name more layers or set fewer levels"
            )
        return backbone.layer_channels[-count:]
    known = stage_info(backbone.model)
    if len(known) < count or not hasattr(backbone.model, "forward_intermediates"):
        raise SettingError(
            f"the backbone '{backbone.name}' has maps of {len(known)} stages, but {count} levels are needed: "
            "set fewer levels or choose another backbone"
        )
    return [int(info["num_chs"]) for info in known[-count:]]
