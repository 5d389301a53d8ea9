"""What is wrong, odd or the same about image files, found in one quick pass over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Literal

from PIL import Image, ImageFile

from fieldmark.cores import available_cpus
from fieldmark.data.photos.deep_range import is_deep, is_deep_grey, value_range
from fieldmark.data.photos.open_photo import (
    bytes_key,
    decode_photo,
    draft_scale,
    has_transparency,
    identify_photo,
    photo_orientation,
)
from fieldmark.data.photos.photo_files import PHOTO_ENDINGS, open_file, unopened
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.errors import PhotoError, TooLowError
from fieldmark.progress import track

__all__ = ["THUMBNAIL_SIDE", "PhotoFacts", "Problem", "inspect_photos"]

THUMBNAIL_SIDE = 32
"""Side of the grey thumbnail that perceptual hashing works on, and that confirms near-duplicates."""

_TINY_SIDE = 32

_DRAFT = (224, 224)
"""What a JPEG is scaled down to while it is decoded, whoever asks, so that equal files give equal facts.

It is enough for the default network, which then shares the decoded photo.
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing about a file that a person should know.

    Attributes:
        code: A word for scripts, such as ``truncated`` or ``rotated``.
        severity: ``bad`` where the photo is left out; ``note`` where it is handled.
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


def inspect_photos(
    paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0, stores: Sequence[PixelStore | None] | None = None
) -> list[PhotoFacts]:
    """Read every file once, to its last byte, with several threads.

    JPEGs are scaled down while they are decoded: their data is read in full, so that an incomplete file
    is noticed, at a fraction of the cost of full-size pixels.

    Args:
        paths: The files, of any number; the facts come in their order.
        trim_bottom: Pixels at the bottom that do not belong to the photo, for all files or for each.
        stores: Where to keep the pixels of each photo for a network, if it reads them at the scale at which they are
            decoded here; None for nowhere.
    """
    trims = repeat(trim_bottom) if isinstance(trim_bottom, int) else trim_bottom
    with ThreadPoolExecutor(_thread_count()) as pool:
        facts: Iterator[PhotoFacts] = pool.map(_inspect, paths, trims, stores or repeat(None))
        return list(track(facts, "inspecting photos", total=len(paths)))


def _thread_count() -> int:
    # More threads than cores: slow disks and network shares leave cores waiting.
    return min(16, 2 * available_cpus())


def _inspect(path: Path, trim_bottom: int, store: PixelStore | None = None) -> PhotoFacts:
    try:
        data = _read(path)
    except PhotoError as error:
        code = "missing" if isinstance(error.__cause__, FileNotFoundError) else "unreadable"
        return PhotoFacts(path, (Problem(code, "bad", str(error)),))
    key = bytes_key(data)
    try:
        image = identify_photo(BytesIO(data), str(path))
    except PhotoError as error:
        return PhotoFacts(path, (Problem(_code_of(data, error), "bad", str(error)),), content_key=key)
    notes = list(_header_notes(image, path))
    width, height = _upright_size(image)
    if store is not None and not _same_scale(image, store, trim_bottom):
        store = None
    try:
        photo = _decode_whole(image, data, str(path), trim_bottom)
        notes = [*_pixel_notes(image, path), *notes]
    except PhotoError as error:
        return PhotoFacts(path, (Problem(_pixel_code(image, error), "bad", str(error)), *notes), width, height, key)
    if store is not None:
        store.keep(key, trim_bottom, photo)
    grey = _grey_thumbnail(photo)
    mirrored = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return PhotoFacts(path, tuple(notes), width, height, key, _phash(grey), _phash(mirrored), grey.tobytes())


def _read(path: Path) -> bytes:
    with open_file(path) as stream:
        try:
            return stream.read()
        except OSError as error:
            raise unopened(path, error) from error


def _code_of(data: bytes, error: PhotoError) -> str:
    if not data:
        return "empty"
    if isinstance(error.__cause__, Image.DecompressionBombError) or error.__cause__ is None:
        return "too_large"
    return "unreadable"


def _header_notes(image: ImageFile.ImageFile, path: Path) -> Iterator[Problem]:
    """Everything that the header says and that reading corrects by itself."""
    format_name, suffix = image.format or "", path.suffix.lower()
    if suffix not in PHOTO_ENDINGS.get(format_name, (suffix,)):
        yield Problem("wrong_suffix", "note", f"{path} is a {format_name} file by its content, which counts")
    if _is_animated(image):
        yield Problem("animated", "note", f"{path} is animated: its first frame is used")
    if image.mode == "CMYK":
        yield Problem("cmyk", "note", f"{path} has print colours (CMYK): it is converted to RGB")
    if image.mode in ("1", "L", "LA") or is_deep_grey(image):
        yield Problem("grey", "note", f"{path} has no colours: grey is used for all three channels")
    if photo_orientation(image) != 1:
        yield Problem("rotated", "note", f"{path} is stored rotated or mirrored (EXIF): it is turned upright")
    if min(image.size) < _TINY_SIDE:
        width, height = image.size
        yield Problem("tiny", "note", f"{path} has only {width} x {height} pixels: it shows little detail")


def _is_animated(image: ImageFile.ImageFile) -> bool:
    """Whether a file holds more than one frame. Pillow reads the head of the second one, which may be damaged."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # each format has its own errors
        return True


def _pixel_notes(image: ImageFile.ImageFile, path: Path) -> Iterator[Problem]:
    """Everything that the loaded pixels say and that reading corrects by itself."""
    if is_deep(image):
        found = value_range(image, str(path))
        yield Problem("deep", "note", f"{path} has more than 8 bits per channel: {found} become black to white")
    if has_transparency(image):
        yield Problem("transparent", "note", f"{path} has transparent parts: they are shown on white")
    elif image.mode == "RGBA":
        yield Problem("extra_band", "note", f"{path} has a fourth band that is not transparency: it is left out")


def _upright_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if photo_orientation(image) >= 5 else (width, height)


def _same_scale(image: ImageFile.ImageFile, store: PixelStore, trim_bottom: int) -> bool:
    """Whether the photo as it is decoded here has the pixels that the store's network reads."""
    drafts = _DRAFT, store.preprocess.draft_size
    return len({draft_scale(image, draft, trim_bottom) for draft in drafts}) == 1


def _decode_whole(image: ImageFile.ImageFile, data: bytes, name: str, trim_bottom: int) -> Image.Image:
    if image.format == "JPEG" and _zero_filled(data):
        raise PhotoError(f"{name} is incomplete and filled up with zeros: copy it again from its source or remove it")
    return decode_photo(image, name, trim_bottom, _DRAFT)


def _pixel_code(image: ImageFile.ImageFile, error: PhotoError) -> str:
    if error.__cause__ is None and is_deep(image):
        return "no_content"
    return "too_low" if isinstance(error, TooLowError) else "truncated"


def _grey_thumbnail(photo: Image.Image) -> Image.Image:
    """(32, 32) grey pixels of a photo, squashed to a square."""
    side = THUMBNAIL_SIDE
    grey = photo.convert("L")
    most = min(grey.width, grey.height) // (2 * side)
    factor = next((factor for factor in (8, 4, 2) if most >= factor), 1)  # means of blocks cost less than a wide filter
    return (grey.reduce(factor) if factor > 1 else grey).resize((side, side), Image.Resampling.LANCZOS)


def _zero_filled(jpeg: bytes) -> bool:
    """Whether an interrupted copy left zeros where a JPEG's data and end marker belong."""
    return jpeg.endswith(bytes(64)) and not jpeg.rstrip(b"\0").endswith(b"\xff\xd9")


def _phash(grey: Image.Image) -> int:
    import imagehash

    return int(str(imagehash.phash(grey)), 16)
