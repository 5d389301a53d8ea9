"""Files among good photos that a server meets: damaged, unusual, or no photos at all."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

__all__ = ["spoiled"]

_MODES = {"L": "PNG", "1": "PNG", "P": "GIF", "RGBA": "PNG", "CMYK": "JPEG", "I;16": "PNG", "LA": "WEBP"}


def spoiled(photos: Sequence[bytes], seed: int = 0) -> list[bytes]:
    """Return two damaged or unusual files for each photo, and a few that hold no photo."""
    random = np.random.default_rng(seed)
    made = [b"", b"no photo", b"\xff\xd8\xff", b"%PDF-1.7", b"<html>", bytes(5000), huge_header()]
    for index, photo in enumerate(photos):
        made.append(photo[: int(random.integers(1, len(photo)))])
        made.append(_flipped(photo, random) if index % 2 else _other_mode(photo, list(_MODES)[index % len(_MODES)]))
    return made


def huge_header() -> bytes:
    """Return a PNG of a hundred bytes that declares 3.6 billion pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(60_001))), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _flipped(photo: bytes, random: np.random.Generator) -> bytes:
    changed = np.frombuffer(photo, dtype=np.uint8).copy()
    changed[random.integers(len(changed), size=8)] ^= np.uint8(random.integers(1, 256))
    return changed.tobytes()


def _other_mode(photo: bytes, mode: str) -> bytes:
    image = Image.open(io.BytesIO(photo)).convert("L" if mode == "I;16" else "RGB")
    stream = io.BytesIO()
    image.convert(mode).save(stream, _MODES[mode])
    return stream.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
