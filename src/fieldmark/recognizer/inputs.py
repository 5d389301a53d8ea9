"""Whatever a caller calls a photo, as an upright RGB image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fieldmark.data.photos.open_photo import open_photo, upright_rgb
from fieldmark.errors import PhotoError
from fieldmark.structures import Record

__all__ = ["PhotoInput", "is_single", "to_image"]

PhotoInput = Any
"""A path, a `Record`, bytes, an open binary file, a PIL image, an array (H, W, 3) or (H, W), or a tensor (3, H, W)."""

_SINGLE = (str, Path, bytes, bytearray, memoryview, Image.Image, Record)


def is_single(photos: PhotoInput | Sequence[PhotoInput]) -> bool:
    """Whether this is one photo rather than several. Arrays of 4 axes are several, and so are columns of paths."""
    if hasattr(photos, "shape"):
        is_column = len(photos.shape) == 1 and getattr(getattr(photos, "dtype", None), "kind", None) in ("O", "U", "S")
        return len(photos.shape) < 4 and not is_column
    return isinstance(photos, _SINGLE) or hasattr(photos, "read") or not isinstance(photos, Iterable)


def to_image(photo: PhotoInput, draft: tuple[int, int] | None = None) -> Image.Image:
    """The photo, upright, RGB.

    Args:
        photo: See `PhotoInput`. Arrays are uint8, or floats in [0, 1].
        draft: Size that a JPEG decoder may shrink to.

    Raises:
        PhotoError: It cannot be read, or is not what an image looks like.
    """
    if isinstance(photo, Record):
        return open_photo(photo.path, trim_bottom=photo.trim_bottom, draft=draft)
    if isinstance(photo, str | Path):
        return open_photo(Path(photo), draft=draft)
    if isinstance(photo, bytes | bytearray | memoryview):
        return open_photo(bytes(photo), draft=draft)
    if hasattr(photo, "read"):
        return open_photo(photo, draft=draft)
    if isinstance(photo, Image.Image):
        return _from_image(photo)
    if hasattr(photo, "shape"):
        return _from_array(photo)
    raise PhotoError(f"expected a path, bytes, an image, an array or a tensor, but got {type(photo).__name__}")


def _from_image(photo: Image.Image) -> Image.Image:
    try:
        own = photo.copy()  # the caller's image keeps its EXIF; a lazily opened one is decoded here
    except Exception as error:  # every decoder has its own ways to fail
        raise PhotoError(f"the image is damaged or breaks off ({error}): open it again from its source") from error
    return upright_rgb(own, "the image")


def _from_array(photo: Any) -> Image.Image:
    is_tensor = hasattr(photo, "detach")
    if is_tensor:
        photo = photo.detach().cpu()
        photo = photo.float() if photo.is_floating_point() else photo  # NumPy knows no bfloat16
    array = np.asarray(photo)
    if is_tensor and array.ndim == 3:
        array = array.transpose(1, 2, 0)  # (3, H, W) is the habit of tensors, (H, W, 3) that of arrays
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        wanted = "(3, H, W)" if is_tensor else "(H, W, 3) or (H, W)"
        raise PhotoError(f"expected {'a tensor' if is_tensor else 'an array'} of shape {wanted}, got {photo.shape}")
    if array.dtype != np.uint8:
        low, high = float(array.min()), float(array.max())
        if not (low >= 0.0 and high <= 1.0):
            raise PhotoError(f"expected uint8, or floats in [0, 1], but got {array.dtype} in [{low:.3g}, {high:.3g}]")
        array = np.round(array * 255).astype(np.uint8)
    return upright_rgb(Image.fromarray(np.ascontiguousarray(array)), "the array")
