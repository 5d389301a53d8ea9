"""What is wrong, odd or the same about image files, found in one quick pass over them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Literal

from PIL import Image, ImageFile

from fieldmark.data.photos.open_photo import (
    bytes_key,
    identify_photo,
    load_pixels,
    photo_orientation,
    unopened,
    upright_rgb,
)
from fieldmark.errors import PhotoError
from fieldmark.progress import track

__all__ = ["THUMBNAIL_SIDE", "PhotoFacts", "Problem", "inspect_photos"]

THUMBNAIL_SIDE = 32
"""Side of the grey thumbnail that perceptual hashing works on, and that confirms near-duplicates."""

_TINY_SIDE = 32
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpc", ".j2c", ".jpf"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
}
_EIGHT_BIT = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing about a file that a person should know.

    Attributes:
        code: A word for scripts, such as ``truncated`` or ``rotated``.
        severity: ``bad`` where the photo is left out; ``note`` where it is handled and merely told.
        reason: One sentence.
    """

    code: str
    severity: Literal["bad", "note"]
    reason: str


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What one file holds.

    Attributes:
        path: The file.
        problems: What is wrong or odd about it.
        width: Width of the upright photo in pixels; 0 where it cannot be read.
        height: Height of the upright photo in pixels; 0 where it cannot be read.
        content_key: Key of the file's bytes, equal for exact copies; None where it cannot be opened.
        phash: 64-bit perceptual hash; None for a bad file, as are the two that follow.
        mirrored_phash: Perceptual hash of the photo's mirror image.
        thumbnail: (32, 32) grey pixels, row by row.
    """

    path: Path
    problems: tuple[Problem, ...] = ()
    width: int = 0
    height: int = 0
    content_key: str | None = None
    phash: int | None = None
    mirrored_phash: int | None = None
    thumbnail: bytes | None = field(default=None, repr=False)

    @property
    def usable(self) -> bool:
        return all(problem.severity != "bad" for problem in self.problems)

    @property
    def reason(self) -> str | None:
        """Why the photo is left out; None where it is usable."""
        return next((problem.reason for problem in self.problems if problem.severity == "bad"), None)


def inspect_photos(paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0) -> list[PhotoFacts]:
    """Read every file once, to its last byte, with several threads.

    JPEGs are scaled down while they are decoded: their data is read in full, so that a file that breaks off
    is noticed, at a fraction of the cost of full-size pixels.

    Args:
        paths: The files, of any number; the facts come in their order.
        trim_bottom: Pixels at the bottom that do not belong to the photo, for all files or for each.
    """
    trims = repeat(trim_bottom) if isinstance(trim_bottom, int) else trim_bottom
    with ThreadPoolExecutor(_thread_count()) as pool:
        facts: Iterator[PhotoFacts] = pool.map(_inspect, paths, trims)
        return list(track(facts, "inspecting photos", total=len(paths)))


def _thread_count() -> int:
    # More threads than cores: slow disks and network shares leave cores waiting.
    return min(16, 2 * (os.cpu_count() or 1))


def _inspect(path: Path, trim_bottom: int) -> PhotoFacts:
    try:
        data = path.read_bytes()
    except OSError as error:
        code = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        return PhotoFacts(path, (Problem(code, "bad", str(unopened(path, error))),))
    key = bytes_key(data)
    try:
        image = identify_photo(BytesIO(data), str(path))
    except PhotoError as error:
        return PhotoFacts(path, (Problem(_code_of(data, error), "bad", str(error)),), content_key=key)
    notes = tuple(_notes(image, path))
    width, height = _upright_size(image)
    try:
        grey = _grey_thumbnail(image, data, str(path), trim_bottom)
    except PhotoError as error:
        problems = (Problem("truncated", "bad", str(error)), *notes)
        return PhotoFacts(path, problems, width, height, key)
    mirrored = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return PhotoFacts(path, notes, width, height, key, _phash(grey), _phash(mirrored), grey.tobytes())


def _code_of(data: bytes, error: PhotoError) -> str:
    if not data:
        return "empty"
    if isinstance(error.__cause__, Image.DecompressionBombError) or error.__cause__ is None:
        return "too_large"
    return "unreadable"


def _notes(image: ImageFile.ImageFile, path: Path) -> Iterator[Problem]:
    """Everything that reading puts right by itself."""
    format_name = image.format or ""
    if path.suffix.lower() not in _SUFFIXES.get(format_name, (path.suffix.lower(),)):
        yield Problem("wrong_suffix", "note", f"{path} is a {format_name} file by its content, which is what counts")
    if getattr(image, "is_animated", False):
        yield Problem("animated", "note", f"{path} is animated: its first frame is used")
    if image.mode == "CMYK":
        yield Problem("cmyk", "note", f"{path} has print colours (CMYK): it is converted to RGB")
    if image.mode not in _EIGHT_BIT:
        yield Problem("deep", "note", f"{path} has more than 8 bits a channel: it is scaled to 8")
    if image.mode in ("1", "L", "LA") or image.mode.startswith("I"):
        yield Problem("grey", "note", f"{path} has no colours: grey is used for all three channels")
    if image.has_transparency_data:
        yield Problem("transparent", "note", f"{path} has transparent parts: they are shown on white")
    if photo_orientation(image) != 1:
        yield Problem("rotated", "note", f"{path} is stored turned or mirrored (EXIF): it is set upright")
    if min(image.size) < _TINY_SIDE:
        width, height = image.size
        yield Problem("tiny", "note", f"{path} has only {width} x {height} pixels: little is to be seen on it")


def _upright_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if photo_orientation(image) >= 5 else (width, height)


def _grey_thumbnail(image: ImageFile.ImageFile, data: bytes, name: str, trim_bottom: int) -> Image.Image:
    """(32, 32) grey pixels of the upright photo, squashed to a square."""
    if image.format == "JPEG" and _zero_filled(data):
        raise PhotoError(f"{name} breaks off and is filled up with zeros: copy it again from its source or remove it")
    _, full_height = _upright_size(image)
    image.draft("L", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
    load_pixels(image, name)
    upright = photo_orientation(image) == 1
    photo = image if image.mode == "L" and upright else upright_rgb(image, name).convert("L")
    if trim_bottom:
        bottom = max(1, photo.height - math.ceil(trim_bottom * photo.height / full_height))
        photo = photo.crop((0, 0, photo.width, bottom))
    return photo.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)


def _zero_filled(jpeg: bytes) -> bool:
    """Whether an interrupted copy left zeros where a JPEG's data and end marker belong."""
    return jpeg.endswith(bytes(64)) and not jpeg.rstrip(b"\0").endswith(b"\xff\xd9")


def _phash(grey: Image.Image) -> int:
    import imagehash

    return int(str(imagehash.phash(grey)), 16)
