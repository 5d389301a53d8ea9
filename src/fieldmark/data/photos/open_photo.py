"""The one place where an image file becomes a photo: sRGB, 8 bit, upright, first frame, opaque."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from fieldmark.data.photos.colour_profile import to_srgb
from fieldmark.data.photos.deep_colour import has_deep_colours, load_deep_colours
from fieldmark.data.photos.deep_range import is_deep, to_8_bits
from fieldmark.data.photos.library_messages import ignore_pillow_warnings, silence_libtiff
from fieldmark.data.photos.photo_files import PHOTO_ENDINGS, open_file, unopened
from fieldmark.errors import PhotoError, TooLowError

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "bytes_key",
    "content_key",
    "decode_photo",
    "draft_scale",
    "full_size",
    "has_transparency",
    "identify_photo",
    "load_pixels",
    "open_photo",
    "photo_orientation",
    "upright_rgb",
]

MAX_PIXELS = 200_000_000
"""A few kilobytes can unpack to gigabytes. The largest phone cameras (200 megapixels) stay just below."""

FORMATS = tuple(PHOTO_ENDINGS)
"""What is read. Formats that run other programs (EPS) or hold no photos are left out on purpose."""

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_NEED_HEIC = "HEIC photos need the `heic` extra: pip install 'fieldmark[heic]'"

_FULL_SIZE = "full size"  # in `Image.info` of photos that were scaled down while they were decoded
_ORIENTATION_TAG = 0x0112
_MAY_HOLD_ORIENTATION = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
_SIDEWAYS = range(5, 9)
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_FOREIGN = (
    (b"ftyp", 4, "a video or camera raw file", "export a photo as JPEG"),
    (b"%PDF", 0, "a PDF", "export its pictures as JPEG"),
    (b"%!PS", 0, "a PostScript file", "export it as JPEG"),
    (b"PK\x03\x04", 0, "a ZIP archive", "unpack it first"),
    (b"<", 0, "a web page or drawing, perhaps a failed download", "fetch the photo again"),
)
_MAGIC = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"\0\0\0\x0cjP")

_MASK_SHARE = {"TIFF": 0.5}
_LEAST_MASK_SHARE = 0.02

ignore_pillow_warnings()


def open_photo(
    source: Path | bytes | IO[bytes],
    trim_bottom: int = 0,
    max_pixels: int = MAX_PIXELS,
    draft: tuple[int, int] | None = None,
) -> Image.Image:
    """Read a photo as everything in this package sees it: RGB, upright, first frame, opaque on white.

    Args:
        source: A file's path, its bytes, or an open binary file.
        trim_bottom: Pixels to cut off at the bottom of the upright photo, counted at full size.
        max_pixels: Refuse photos with more pixels. Other formats than JPEG also keep to Pillow's own limit.
        draft: (width, height) that is enough for the caller. A JPEG is then scaled by 1/2, 1/4 or 1/8 while
            it is decoded, which is several times faster. The result is never smaller than asked on either
            side; a photo that is smaller to begin with keeps its size.

    Raises:
        PhotoError: The file is missing, empty, not an image, damaged, or too large.
    """
    if isinstance(source, bytes):
        return _decode(BytesIO(source), "the photo", trim_bottom, max_pixels, draft)
    if not isinstance(source, Path):
        return _decode(source, str(getattr(source, "name", "the photo")), trim_bottom, max_pixels, draft)
    with open_file(source) as stream:
        return _decode(stream, str(source), trim_bottom, max_pixels, draft)


def content_key(path: Path) -> str:
    """A key of the file's bytes: equal for exact copies whatever their names (blake2b, 32 hex digits).

    Raises:
        PhotoError: The file cannot be opened.
    """
    with open_file(path) as stream:
        try:
            return bytes_key(stream.read())
        except OSError as error:
            raise unopened(path, error) from error


def bytes_key(data: bytes) -> str:
    """`content_key` of a file that has been read already."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def full_size(photo: Image.Image) -> tuple[int, int]:
    """Width and height that a photo of `open_photo` has where nothing was scaled down while it was decoded."""
    width, height = photo.info.get(_FULL_SIZE, photo.size)
    return width, height


def identify_photo(stream: IO[bytes], name: str, max_pixels: int = MAX_PIXELS) -> ImageFile.ImageFile:
    """Read an image's header, but not its pixels.

    Args:
        stream: The file, at its beginning; it must stay open until `load_pixels`.
        name: How the photo is called in errors.
        max_pixels: Refuse photos with more pixels.

    Raises:
        PhotoError: The file is empty, not an image, damaged, or too large.
    """
    head = stream.read(16)
    stream.seek(0)
    if not head:
        raise PhotoError(f"{name} is empty (0 bytes): copy it again from its source or remove it")
    if head.startswith((b"II", b"MM")):
        silence_libtiff()
    try:
        # Past `Image.open`, a JPEG costs less, and the second picture in a phone's file (MPO) is left alone.
        is_jpeg = head.startswith(b"\xff\xd8\xff")
        image = JpegImageFile(stream) if is_jpeg else Image.open(stream, formats=_formats(head))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoError(f"{name} has too many pixels to unpack safely ({error}): scale it down") from error
    except Exception as error:  # every decoder has its own ways to fail
        raise _unidentified(name, head, error) from error
    width, height = image.size
    if width * height > max_pixels:
        raise PhotoError(
            f"{name} has {width} x {height} = {width * height / 1e6:,.0f} million pixels, but the limit is"
            f" {max_pixels / 1e6:,.0f} million: scale it down"
        )
    return image


def load_pixels(image: ImageFile.ImageFile, name: str) -> None:
    """Decode the pixels of an identified image.

    Raises:
        PhotoError: The file is incomplete or damaged.
    """
    try:
        if has_deep_colours(image):
            load_deep_colours(image)
        else:
            image.load()
    except Exception as error:  # every decoder has its own ways to fail
        raise PhotoError(
            f"{name} is damaged or incomplete ({error}): copy it again from its source or remove it"
        ) from error


def draft_scale(image: ImageFile.ImageFile, draft: tuple[int, int], trim_bottom: int = 0) -> int:
    """Return by how much an identified image shrinks while it is decoded for a `draft` of `open_photo`: 1, 2, 4 or 8.

    Two drafts with one scale give the same pixels.
    """
    if image.format != "JPEG":
        return 1
    width, height = _stored_size(image, draft, trim_bottom)
    most = min(image.width // width, image.height // height)
    return next((scale for scale in (8, 4, 2) if most >= scale), 1)


def decode_photo(
    image: ImageFile.ImageFile, name: str, trim_bottom: int = 0, draft: tuple[int, int] | None = None
) -> Image.Image:
    """Return the photo of an identified image, as `open_photo` does; the arguments are those of `open_photo`.

    Raises:
        PhotoError: The file is damaged, or too low to be trimmed.
    """
    full = image.size
    upright = full[::-1] if photo_orientation(image) in _SIDEWAYS else full
    if draft is not None:
        image.draft(None, _stored_size(image, draft, trim_bottom))
    load_pixels(image, name)
    photo = upright_rgb(image, name)
    if trim_bottom:
        photo = _trimmed(photo, trim_bottom, round(full[0] / image.width), name)
    if image.size != full:
        photo.info[_FULL_SIZE] = (upright[0], upright[1] - trim_bottom)
    return photo


def photo_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) where there is none or it cannot be read."""
    if not any(key in image.info for key in _MAY_HOLD_ORIENTATION):
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF says nothing about the pixels
        return 1
    return orientation if orientation in _TRANSPOSE else 1


def upright_rgb(image: Image.Image, name: str) -> Image.Image:
    """A loaded image as sRGB, 8 bit, opaque and upright. May be the image itself.

    Raises:
        PhotoError: It has no content, or its colours are of a kind that has no way to RGB.
    """
    method = _TRANSPOSE.get(photo_orientation(image))
    try:
        photo = _opaque(image, to_8_bits(image, name) if is_deep(image) else image)
    except ValueError as error:
        raise PhotoError(f"{name} has colours of an unknown kind ({image.mode}): export it as JPEG") from error
    if method is not None:
        photo = photo.transpose(method)
    photo.info = {}  # an orientation left here would be applied once more by the next reader
    return photo


def has_transparency(image: Image.Image) -> bool:
    """Whether a loaded image has transparent parts.

    A fourth band is a mask only where enough of its pixels are fully opaque or fully transparent: half of them in a
    TIFF, where the band is often near infrared light, and one in fifty in other formats.
    """
    if image.mode != "RGBA":
        return image.has_transparency_data
    counts = image.getchannel("A").histogram()
    needed = _MASK_SHARE.get(image.format or "", _LEAST_MASK_SHARE)
    return counts[0] + counts[-1] >= needed * sum(counts)


def _decode(
    stream: IO[bytes], name: str, trim_bottom: int, max_pixels: int, draft: tuple[int, int] | None
) -> Image.Image:
    return decode_photo(identify_photo(stream, name, max_pixels), name, trim_bottom, draft)


def _stored_size(image: Image.Image, wanted: tuple[int, int], trim_bottom: int) -> tuple[int, int]:
    """Return (width, height) of the whole image as it is stored that leaves a wanted size once upright and trimmed."""
    sideways = photo_orientation(image) in _SIDEWAYS
    width, height = wanted
    full_height = image.width if sideways else image.height
    if 0 < trim_bottom < full_height:  # what is left after the cut has to be large enough
        height = -(-height * full_height // (full_height - trim_bottom)) + 1
    return (height, width) if sideways else (width, height)


def _trimmed(photo: Image.Image, trim_bottom: int, shrink: int, name: str) -> Image.Image:
    cut = -(-trim_bottom // shrink)
    if cut >= photo.height:
        raise TooLowError(
            f"{name} is {photo.height * shrink} pixels high, too low to trim {trim_bottom} off its bottom:"
            " remove it or trim less"
        )
    return photo.crop((0, 0, photo.width, photo.height - cut))


def _opaque(image: Image.Image, shallow: Image.Image) -> Image.Image:
    """The colours of `shallow`, which has 8 bits, in sRGB; the transparent parts of `image` on white."""
    profile = image.info.get("icc_profile")
    if not image.has_transparency_data:
        return to_srgb(shallow, profile)
    whole = image.convert("RGBA")
    colours = to_srgb(whole.convert("RGB") if shallow is image else shallow, profile)
    if not has_transparency(image):
        return colours
    photo = Image.new("RGB", image.size, "white")
    photo.paste(colours, mask=whole.getchannel("A"))
    return photo


def _formats(head: bytes) -> tuple[str, ...]:
    """The formats to try on a file that begins like this."""
    return FORMATS if _may_be_heif(head) and _can_read_heif() else tuple(name for name in FORMATS if name != "HEIF")


def _may_be_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _can_read_heif() -> bool:
    try:
        from pi_heif import register_heif_opener
    except ModuleNotFoundError:
        return False
    register_heif_opener()
    return True


def _unidentified(name: str, head: bytes, error: Exception) -> PhotoError:
    if _may_be_heif(head) and not _can_read_heif():
        return PhotoError(f"{name}: {_NEED_HEIC}")
    if head.startswith(_MAGIC) or _may_be_heif(head):
        reason = "no decoder can read it" if isinstance(error, UnidentifiedImageError) else error
        return PhotoError(f"{name} is damaged ({reason}): copy it again from its source or remove it")
    for magic, offset, kind, action in _FOREIGN:
        if head[offset:].startswith(magic):
            return PhotoError(f"{name} is no image that can be read but {kind}: {action}")
    return PhotoError(f"{name} is not an image (it begins with {head[:8]!r}): expected JPEG, PNG, WebP or TIFF")
