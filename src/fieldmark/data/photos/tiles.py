"""Tiles of a photo that overlap by half, and one map of the whole photo out of the maps of its tiles.

An object on the border of one tile lies near the middle of another. So a place of the photo takes its value from the
tiles around it, each with a weight that grows linearly from the tile's border to its middle. Tiles overlap by half: the
weights of two neighbours add up to one.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.arrays import Bools, Float32s
from fieldmark.data.photos.preprocess import Preprocess

__all__ = ["central_places", "joined_tiles", "place_centres", "tile_views", "tiles_of"]


def tiles_of(tiles: int) -> int:
    """How many tiles there are where so many stand side by side, and others half over two neighbours."""
    return (2 * tiles - 1) ** 2


def tile_views(image: Image.Image, preprocess: Preprocess, tiles: int) -> NDArray[np.uint8]:
    """Return the tiles of an upright RGB photo, row by row, (`tiles_of`, S, S, 3).

    They are cut, at steps of half a tile, from the square that `preprocess` makes, `tiles` times as large.
    """
    side = preprocess.image_size
    whole = replace(preprocess, image_size=side * tiles)(image)
    starts = [step * side // 2 for step in range(2 * tiles - 1)]
    return np.stack([whole[top : top + side, left : left + side] for top in starts for left in starts])


def _shares(tiles: int, side: int) -> Float32s:
    """Return how much of each place of the joined map comes from each place of the tiles, along one side of the photo.

    Args:
        tiles: Tiles side by side.
        side: Places of a tile's map along its side.

    Returns:
        ((2 * tiles - 1) * side, 2 * tiles * side): the joined map has half the step, so that the middle of a tile of an
        odd number of places lies on its grid. Columns add up to 1.
    """
    starts = side * np.arange(2 * tiles - 1)[:, None]
    places = np.arange(2 * tiles * side) + 0.5 - starts  # from each tile's own border, in half places
    weights = np.maximum(0, side - np.abs(places - side))
    weights /= weights.sum(0)
    inside = np.floor(places / 2)[:, None] == np.arange(side)[:, None]  # (tiles, side, places of the joined map)
    return np.asarray((weights[:, None] * inside).reshape(-1, places.shape[1]), dtype=np.float32)


def joined_tiles(maps: Float32s) -> Float32s:
    """Return one map of each photo, (B, 1, H * H), out of those of its tiles, (B, `tiles_of`, h * h)."""
    along, side = math.isqrt(maps.shape[1]), math.isqrt(maps.shape[2])
    shares = _shares((along + 1) // 2, side)
    by_row = maps.reshape(len(maps), along, along, side, side).swapaxes(2, 3).reshape(-1, along * side, along * side)
    return np.asarray((shares.T @ by_row @ shares).reshape(len(maps), 1, -1), dtype=np.float32)


def place_centres(tiles: int, places: int) -> Float32s:
    """Return the centre of each place of the tiles' maps, xy in fractions of the photo, (`tiles_of` * places, 2)."""
    side = math.isqrt(places)
    starts = np.arange(2 * tiles - 1)[:, None] / (2 * tiles)
    along = starts + (np.arange(side) + 0.5) / (side * tiles)  # (tiles along a side, places of a tile along it)
    count = len(along)
    x = np.broadcast_to(along[None, :, None, :], (count, count, side, side))
    y = np.broadcast_to(along[:, None, :, None], (count, count, side, side))
    return np.stack([x, y], -1).reshape(-1, 2).astype(np.float32)


def central_places(tiles: int, places: int) -> Bools:
    """Return which places of the tiles' maps are more than half of a place of the joined map, (`tiles_of` * places,).

    Together they cover the photo about once, and no border between two tiles is among them.
    """
    side = math.isqrt(places)
    central = (_shares(tiles, side).max(1) > 0.5).reshape(-1, side)
    return np.asarray((central[:, None, :, None] & central[None, :, None, :]).reshape(-1))
