"""A photo as a JPEG of bounded size without metadata: no EXIF, no place, no camera."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from fieldmark.data.photos.open_photo import MAX_PIXELS, open_photo

__all__ = ["MAX_SIDE", "plain_jpeg"]

MAX_SIDE = 1600
"""Longer side in pixels; no network of the package sees more."""

_QUALITY = 92


def plain_jpeg(photo: Path | bytes, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return the photo upright in sRGB, with a longer side of at most `MAX_SIDE` pixels, as JPEG without metadata.

    Args:
        photo: A file or its bytes.
        max_pixels: Refuse photos with more pixels.

    Raises:
        PhotoError: The photo cannot be read.
    """
    image = open_photo(photo, max_pixels=max_pixels, draft=(MAX_SIDE, MAX_SIDE))
    if max(image.size) > MAX_SIDE:
        image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    stream = BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return stream.getvalue()
