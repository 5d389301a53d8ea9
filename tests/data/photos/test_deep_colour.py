"""Colours with 16 bits in each channel are decoded by their own range, like grey."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.quality.photo_facts import inspect_photos
from fieldmark.errors import PhotoError


def scene(channels: int = 3) -> np.ndarray:
    """(40, 56, channels) uint8 that uses all levels from 0 to 255."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (5, 7, channels), dtype=np.uint8)
    values = np.stack(
        [np.asarray(Image.fromarray(band).resize((56, 40), 3), float) for band in np.moveaxis(small, 2, 0)], 2
    )
    return np.rint((values - values.min()) * 255 / np.ptp(values)).astype(np.uint8)


def png(values: np.ndarray) -> bytes:
    """A PNG of (H, W, 3 or 4) uint16, written by hand: Pillow writes no such files."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(values: np.ndarray, order: str = "<", compress: bool = False) -> bytes:
    """A TIFF of (H, W, 3 or 4) uint16 in one strip; `order` is that of its bytes."""
    height, width, channels = values.shape
    body = values.astype(f"{order}u2").tobytes()
    body = zlib.compress(body) if compress else body
    bits = struct.pack(f"{order}{channels}H", *[16] * channels)
    end = 8 + len(body) + len(bits)
    entries = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, 8 + len(body))),
        *((259, 3, 1, 8 if compress else 1), (262, 3, 1, 2), (273, 4, 1, 8), (277, 3, 1, channels)),
        *((278, 4, 1, height), (279, 4, 1, len(body))),
        *([(338, 3, 1, 2)] if channels == 4 else []),
    ]
    packed = b""
    for tag, kind, count, value in entries:
        cell = struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else struct.pack(f"{order}I", value)
        packed += struct.pack(f"{order}HHI", tag, kind, count) + cell
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", end)
    return head + body + bits + struct.pack(f"{order}H", len(entries)) + packed + bytes(4)


WRITERS = {
    "png": png,
    "little-endian tiff": tiff,
    "big-endian tiff": lambda values: tiff(values, ">"),
    "compressed tiff": lambda values: tiff(values, "<", True),
    "compressed big-endian tiff": lambda values: tiff(values, ">", True),
}
COPIES = {
    "8 bits in 16": lambda colours: colours,
    "10 bits": lambda colours: np.rint(colours / 255 * 1023),
    "12 bits": lambda colours: colours * 16.0,
    "16 bits": lambda colours: colours * 257.0,
    "offset": lambda colours: colours * 16.0 + 1000,
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_one_photo_decode_alike(kind: str, writer: str) -> None:
    colours = scene()
    data = WRITERS[writer](COPIES[kind](colours).astype(np.uint16))
    decoded = np.asarray(open_photo(data), dtype=int)
    assert np.abs(decoded - colours).max() <= 1


@pytest.mark.parametrize("writer", ["png", "little-endian tiff"])
def test_transparent_parts_are_shown_on_white(writer: str) -> None:
    colours = scene()
    mask = np.full((40, 56, 1), 65_535)
    mask[:20] = 0
    values = np.concatenate([colours * 16.0, mask], 2).astype(np.uint16)
    decoded = np.asarray(open_photo(WRITERS[writer](values)), dtype=int)
    assert (decoded[:20] == 255).all()
    assert np.abs(decoded[20:] - colours[20:]).max() <= 1


def test_the_finding_states_the_range(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png((scene() * 16.0).astype(np.uint16)))
    (facts,) = inspect_photos([tmp_path / "a.png"])
    assert facts.usable
    assert [problem.reason for problem in facts.problems if problem.code == "deep"] == [
        f"{tmp_path / 'a.png'} has more than 8 bits per channel: 0 to 4095 (the usual range that its values fill) "
        "become black to white"
    ]
    assert "grey" not in [problem.code for problem in facts.problems]


def test_a_picture_without_content_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(np.full((40, 56, 3), 700, np.uint16)))
    with pytest.raises(PhotoError, match=r"a\.png has no content \(every pixel is 700\): export it again$"):
        open_photo(tmp_path / "a.png")
    (facts,) = inspect_photos([tmp_path / "a.png"])
    assert [problem.code for problem in facts.problems][:1] == ["no_content"]


def test_an_incomplete_file_is_an_error() -> None:
    data = png((scene() * 16.0).astype(np.uint16))
    with pytest.raises(PhotoError, match="is damaged or incomplete"):
        open_photo(data[: len(data) // 2])
