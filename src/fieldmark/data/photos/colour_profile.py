"""ICC profiles: photos in Adobe RGB, Display P3, ProPhoto or print colours become sRGB."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms

__all__ = ["to_srgb"]

_SPACES = {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY"}
_SRGB = ImageCms.createProfile("sRGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image as RGB in sRGB.

    Args:
        image: A loaded image without transparency.
        profile: The ICC profile of the file. A damaged one, or one of another colour space, is ignored.
    """
    transform = _transform(profile, image.mode) if profile and image.mode in _SPACES else None
    if transform is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    return transform.apply(image)


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What turns a profile's colours into sRGB; None where nothing has to or can be done."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        is_srgb = "srgb" in ImageCms.getProfileDescription(source).lower()
        if is_srgb or source.profile.xcolor_space.strip() != _SPACES[mode]:
            return None
        return ImageCms.buildTransform(source, _SRGB, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
