"""Run a network on all views of photos: those of the whole photo, and those that are zoomed in on the object."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fieldmark.arrays import Float32s, Pixels
from fieldmark.backbones.runners.runner import Runner
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.tiles import joined_tiles, tile_views
from fieldmark.data.photos.views import photo_views, whole_views, zoomed_views
from fieldmark.data.photos.zoom import Zoom, find_object, given_box, zoom_region
from fieldmark.errors import ModelError
from fieldmark.structures import Box

__all__ = ["ACTIVATION", "ViewOutputs", "find_objects", "run_images", "tiled_maps"]

ACTIVATION = "activation"
"""Output of networks that zoom: activation of each place of the feature map, (B, h * w)."""


@dataclass(frozen=True, slots=True)
class ViewOutputs:
    """Outputs for B photos.

    Attributes:
        outputs: Name -> (B, V, ...). The views of the whole photo come first, then as many zoomed ones as there are
            views of the whole square. With `Zoom.tiles` there are only the zoomed ones.
        boxes: Where each photo shows its object, xyxy in its pixels; None without zoom.
    """

    outputs: dict[str, Float32s]
    boxes: list[Box] | None


def run_images(
    runner: Runner, images: Sequence[Image.Image], preprocess: Preprocess, views: int, zoom: Zoom | None = None
) -> ViewOutputs:
    """Run all views of upright RGB photos; the zoomed ones in a second call, once the object is found.

    Args:
        runner: The network. With `zoom` it has the output `ACTIVATION`.
        images: The photos.
        preprocess: How a photo becomes an input.
        views: Number of views of the whole photo; see `fieldmark.data.photos.views`.
        zoom: How zoomed views are cut; None for none.

    Raises:
        ModelError: The network has no square map of activations.
    """
    whole = {}
    if zoom is None or zoom.joins:
        whole = runner.run_stack(np.stack([photo_views(image, preprocess, views) for image in images]))
    if zoom is None:
        return ViewOutputs(whole, None)
    if zoom.tiles:
        maps = tiled_maps(lambda tiles: runner.run(tiles)[ACTIVATION], images, preprocess, zoom)
    else:
        maps = whole[ACTIVATION][:, : whole_views(views)]
    boxes = find_objects(maps, images, preprocess, zoom)
    regions = [zoom_region(box, image.size, zoom) for box, image in zip(boxes, images, strict=True)]
    stack = [zoomed_views(image, preprocess, views, region) for image, region in zip(images, regions, strict=True)]
    zoomed = runner.run_stack(np.stack(stack))
    if zoom.joins:
        zoomed = {name: np.concatenate([values, zoomed[name]], 1) for name, values in whole.items()}
    return ViewOutputs(zoomed, boxes)


def tiled_maps(
    activation: Callable[[Pixels], Float32s], images: Sequence[Image.Image], preprocess: Preprocess, zoom: Zoom
) -> Float32s:
    """Return one map of each whole photo out of the maps of its tiles, (B, 1, H * W).

    Args:
        activation: uint8 squares (n, S, S, 3) to their activations (n, h * w).
        images: The photos, upright RGB.
        preprocess: How a tile becomes an input.
        zoom: Its `tiles`.

    Raises:
        ModelError: The maps are not square.
    """
    tiles = np.stack([tile_views(image, preprocess, zoom.tiles) for image in images])
    found = activation(tiles.reshape(-1, *tiles.shape[2:]))
    if math.isqrt(found.shape[1]) ** 2 != found.shape[1]:
        raise ModelError(f"the model's graph cannot find the object: a map of {found.shape[1]} places is not square")
    return joined_tiles(found.reshape(*tiles.shape[:2], -1))


def find_objects(activations: Float32s, images: Sequence[Image.Image], preprocess: Preprocess, zoom: Zoom) -> list[Box]:
    """Return where each photo shows its object: the box that a person gave, or what `find_object` finds.

    Args:
        activations: (B, 1 or 2, h * w) of the whole photos, and of their mirror images.
        images: The photos.
        preprocess: Tells which part of a photo the map covers.
        zoom: The threshold.

    Raises:
        ModelError: The maps are not square.
    """
    try:
        return [
            given_box(image) or find_object(maps, preprocess, image.size, zoom)
            for maps, image in zip(activations, images, strict=True)
        ]
    except ValueError as error:
        raise ModelError(f"the model's graph cannot find the object in a photo: {error}; fit it again") from error
