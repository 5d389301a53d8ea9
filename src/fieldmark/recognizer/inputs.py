"""Convert any supported input to an upright RGB image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.data.photos.open_photo import open_photo, upright_rgb
from fieldmark.data.photos.stored_photo import StoredPhoto
from fieldmark.data.photos.web_photo import WebPhoto
from fieldmark.data.photos.zoom import give_box
from fieldmark.errors import PhotoError
from fieldmark.structures import Box, Record

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BoxedPhoto", "PhotoInput", "as_list", "is_single", "path_of", "to_image"]

PhotoInput: TypeAlias = (
    "str | Path | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] | Tensor | Record | WebPhoto"
    " | StoredPhoto | BoxedPhoto"
)
"""A path, bytes, an open binary file, a PIL image, an array (H, W, 3) or (H, W), a tensor (3, H, W), or a photo's
`Record`, `WebPhoto`, `StoredPhoto` or `BoxedPhoto`."""


@dataclass(frozen=True, slots=True)
class BoxedPhoto:
    """A photo, and where a person says that it shows the object.

    Attributes:
        photo: The photo.
        box: xyxy in pixels of the upright photo.
    """

    photo: PhotoInput
    box: Box


_SINGLE = (str, Path, bytes, bytearray, memoryview, Image.Image, Record, WebPhoto, StoredPhoto, BoxedPhoto)


def is_single(photos: PhotoInput | Sequence[PhotoInput]) -> bool:
    """Return whether this is one photo. Arrays with 4 axes and columns of paths are several photos."""
    shape = getattr(photos, "shape", None)
    if shape is not None and not isinstance(photos, memoryview):
        is_column = len(shape) == 1 and getattr(getattr(photos, "dtype", None), "kind", None) in ("O", "U", "S")
        return len(shape) < 4 and not is_column
    return isinstance(photos, _SINGLE) or hasattr(photos, "read") or not isinstance(photos, Iterable)


def as_list(photos: PhotoInput | Sequence[PhotoInput]) -> list[PhotoInput]:
    """Return one photo or several as a list."""
    several: Any = photos
    return [several] if is_single(several) else list(several)


def path_of(photo: PhotoInput) -> str | None:
    """Return the path of a photo; None for photos in memory."""
    if isinstance(photo, BoxedPhoto):
        return path_of(photo.photo)
    if isinstance(photo, Record):
        return str(photo.path)
    if isinstance(photo, WebPhoto):
        return photo.url
    if isinstance(photo, StoredPhoto):
        return photo.address
    return str(photo) if isinstance(photo, str | Path) else None


def to_image(photo: PhotoInput, draft: tuple[int, int] | None = None) -> Image.Image:
    """Return the photo as an upright RGB image.

    Args:
        photo: See `PhotoInput`. Arrays are uint8, or floats in [0, 1].
        draft: Size that a JPEG decoder may shrink to.

    Raises:
        PhotoError: The photo cannot be read, or does not have the shape or range of an image.
    """
    source: Any = photo
    if isinstance(source, BoxedPhoto):
        image = to_image(source.photo)  # at full size: the box may be small
        give_box(image, source.box)
        return image
    if isinstance(source, Record):
        return open_photo(source.path, trim_bottom=source.trim_bottom, draft=draft)
    if isinstance(source, str | Path):
        return open_photo(Path(source), draft=draft)
    if isinstance(source, bytes | bytearray | memoryview):
        return open_photo(bytes(source), draft=draft)
    if isinstance(source, WebPhoto | StoredPhoto):
        return open_photo(source.open(), draft=draft)
    if hasattr(source, "read"):
        return open_photo(source, draft=draft)
    if isinstance(source, Image.Image):
        return _from_image(source)
    if hasattr(source, "shape"):
        return _from_array(source)
    raise PhotoError(f"expected a path, bytes, an image, an array or a tensor, but got {type(photo).__name__}")


def _from_image(photo: Image.Image) -> Image.Image:
    try:
        own = photo.copy()  # keeps the EXIF of the caller's image; decodes a lazily opened one
    except Exception as error:  # every decoder has its own errors
        raise PhotoError(f"the image is damaged or incomplete ({error}): open it again from its source") from error
    return upright_rgb(own, "the image")


def _from_array(photo: Any) -> Image.Image:
    is_tensor = hasattr(photo, "detach")
    if is_tensor:
        photo = photo.detach().cpu()
        photo = photo.float() if photo.is_floating_point() else photo  # NumPy has no bfloat16
    array = np.asarray(photo)
    if is_tensor and array.ndim == 3:
        array = array.transpose(1, 2, 0)  # tensors are (3, H, W), arrays (H, W, 3)
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
