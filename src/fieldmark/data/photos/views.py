"""Several looks at one photo, whose logits an answer averages.

In the manner of the ten crops of Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
networks" (NIPS 2012), but with the whole square in place of its centre: with a single view, it is the first one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.zoom import ZOOM_DETAIL, Zoom
from fieldmark.structures import Box

__all__ = [
    "VIEWS",
    "Views",
    "all_views",
    "draft_side",
    "embedding_views",
    "photo_views",
    "read_views",
    "view_side",
    "whole_views",
    "with_mirrored",
    "zoomed_views",
]

Views = Literal[1, 2, 5, 10]
VIEWS = (1, 2, 5, 10)
"""The photo; and its mirror image; the photo and four corners; all of these and their mirror images."""

CORNER = 7 / 8
"""Side of a corner's square, of the whole square."""


def view_side(preprocess: Preprocess, views: int) -> int:
    """Side in pixels of the whole square from which all views are cut at the network's own size."""
    return preprocess.image_size if views <= 2 else round(preprocess.image_size / CORNER)


def draft_side(preprocess: Preprocess, views: int, zoom: Zoom | None = None) -> int:
    """Side in pixels that a JPEG decoder may shrink a photo to: enough for all views, and for the object in it."""
    return max(view_side(preprocess, views), ZOOM_DETAIL * preprocess.image_size if zoom else 0)


def all_views(views: int, zoom: Zoom | None) -> int:
    """How many views the logits are averaged over: those of the whole photo, and the zoomed ones."""
    if zoom is None:
        return views
    return whole_views(views) + (views if zoom.joins else 0)


def read_views(views: int, zoom: Zoom | None) -> int:
    """How many views the network reads for an answer: those whose logits are averaged, and the tiles of a locator."""
    return all_views(views, zoom) + (zoom.looks if zoom else 0)


def whole_views(views: int) -> int:
    """How many of the first views show the whole square: those that an embedding is averaged over."""
    return 2 - views % 2


def embedding_views(values: NDArray[np.float32], views: int) -> NDArray[np.float32]:
    """Return the views that an embedding is averaged over, out of (B, V, ...): all but the corners."""
    return np.concatenate([values[:, : whole_views(views)], values[:, views:]], 1)


def photo_views(image: Image.Image, preprocess: Preprocess, views: int) -> NDArray[np.uint8]:
    """An upright RGB photo as an array (views, S, S, 3); see `VIEWS`.

    The corners are cut from the square as `preprocess` makes it, at 8/7 of its size, so that they show more detail.
    """
    looks = [preprocess(image)]
    if views > 2:
        whole = replace(preprocess, image_size=view_side(preprocess, views))(image)
        side, last = preprocess.image_size, len(whole) - preprocess.image_size
        looks += [whole[top : top + side, left : left + side] for top in (0, last) for left in (0, last)]
    return with_mirrored(np.stack(looks)) if views % 2 == 0 else np.stack(looks)


def zoomed_views(image: Image.Image, preprocess: Preprocess, views: int, region: Box) -> NDArray[np.uint8]:
    """A region of an upright RGB photo as an array (1 or 2, S, S, 3): with its mirror image where `views` is even."""
    looks = preprocess(image, region=region)[None]
    return with_mirrored(looks) if whole_views(views) == 2 else looks


def with_mirrored(looks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Looks (n, S, S, 3) as (2 n, S, S, 3): each one and then its mirror image."""
    both = np.empty((2 * len(looks), *looks.shape[1:]), dtype=np.uint8)
    both[::2] = looks
    # Pixels as units of three bytes: turning them round byte by byte takes four times as long.
    both[1::2].view("V3")[..., 0] = np.ascontiguousarray(looks).view("V3")[..., ::-1, 0]
    return both
