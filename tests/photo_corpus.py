"""Photos as they come, drawn in a second: formats, modes, depths, orientations, profiles, damages and names."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, features

__all__ = ["write_corpus"]

SIDE = 40
_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_NAMES = (
    "{}",
    "photo {} of a bird",
    "Möwe {}",
    "海鸥{}",
    "a'b\"{}",
    "-{}",
    "100%{}",
    "line\nbreak{}",
    "x" * 180 + "{}",
    "caf\udce9{}",
    "{}.jpg",
)


def write_corpus(folders: Sequence[Path], count: int, seed: int = 0) -> list[Path]:
    """Write `count` files into the folders, in turn.

    The first files show every format and mode undamaged. The others are damaged in a random way, or have a random name.
    """
    draw = random.Random(seed)
    pictures = list(_pictures())
    files = []
    for number in range(count):
        ending, content = pictures[number % len(pictures)]
        name = str(number)
        if number >= len(pictures):
            content = draw.choice(_DAMAGES)(content, draw)
            name = draw.choice(_NAMES).format(number)
        if draw.random() < 0.05:
            ending = draw.choice((".jpg", ".PNG", ".tif", ".webp"))
        path = folders[number % len(folders)] / f"{name}{ending}"
        try:
            path.write_bytes(content)
        except OSError:  # a disk that takes only UTF-8 names
            path = path.with_name(f"{number}{ending}")
            path.write_bytes(content)
        files.append(path)
    return files


def _pictures() -> Iterator[tuple[str, bytes]]:
    """Ending and content of each format in each of its modes."""
    colours = _scene()
    yield from _jpegs(colours)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield ".png", _saved(_in_mode(colours, mode), "PNG")
    yield ".png", _saved(colours, "PNG", icc_profile=_PROFILE)
    for mode in ("1", "L", "P", "RGB"):
        yield ".bmp", _saved(_in_mode(colours, mode), "BMP")
        yield ".tif", _saved(_in_mode(colours, mode), "TIFF")
    for mode in ("L", "P"):
        yield ".gif", _saved(_in_mode(colours, mode), "GIF")
    turned = colours.transpose(Image.Transpose.ROTATE_180)
    yield ".gif", _saved(_in_mode(colours, "P"), "GIF", save_all=True, append_images=[_in_mode(turned, "P")])
    for mode in ("RGBA", "CMYK", "I;16", "F", "I", "LAB", "YCbCr"):
        yield ".tiff", _saved(_in_mode(colours, mode), "TIFF")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield ".tif", _saved(colours, "TIFF", compression=compression)
    yield ".tif", _saved(_in_mode(colours, "1"), "TIFF", compression="group4")
    yield ".webp", _saved(colours, "WEBP")
    yield ".webp", _saved(_in_mode(colours, "RGBA"), "WEBP", lossless=True)
    yield ".webp", _saved(colours, "WEBP", save_all=True, append_images=[turned])
    for mode in ("L", "RGB", "1"):
        yield {"L": ".pgm", "RGB": ".ppm", "1": ".pbm"}[mode], _saved(_in_mode(colours, mode), "PPM")
    yield ".pfm", _saved(_in_mode(colours, "F"), "PPM")
    if features.check("avif"):
        yield ".avif", _saved(colours, "AVIF")
    if features.check("jpg_2000"):
        yield ".jp2", _saved(colours, "JPEG2000")
        yield ".j2k", _saved(_in_mode(colours, "L"), "JPEG2000", no_jp2=True)
    if find_spec("pi_heif"):  # the extra heic decodes, but does not encode
        yield ".heic", (Path(__file__).parent / "data/photos/files/blobs.heic").read_bytes()


def _jpegs(colours: Image.Image) -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "RGB", "CMYK"):
        yield ".jpg", _saved(_in_mode(colours, mode), "JPEG")
    yield ".jpeg", _saved(colours, "JPEG", progressive=True)
    yield ".jpg", _saved(colours, "JPEG", icc_profile=_PROFILE)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield ".JPG", _saved(colours, "JPEG", exif=exif)


def _scene() -> Image.Image:
    small = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((SIDE, SIDE + 8), Image.Resampling.BICUBIC)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 16)
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return ImageCms.applyTransform(
            image, ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
        )
    return image.convert(mode)


def _saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(stream, format_name, **options)
    return stream.getvalue()


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def _flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 3, 20))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _flip_head(content: bytes, draw: random.Random) -> bytes:
    return _flip(content[:64], draw) + content[64:]


def _zero_tail(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content))
    return content[:start] + bytes(len(content) - start)


_DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda content, draw: content,
    _cut,
    _cut,
    _flip,
    _flip_head,
    _zero_tail,
    lambda content, draw: content + b"\0" * 200,
    lambda content, draw: draw.randbytes(4) + content,
    lambda content, draw: content + content,
    lambda content, draw: draw.choice((b"", b"<html>", b"%PDF-1.4", draw.randbytes(300))),
)
