"""Read the photos of a request, and reject bad ones before they are decoded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from fastapi import HTTPException, UploadFile
from PIL import Image
from starlette.concurrency import run_in_threadpool

from fieldmark.data.photos.open_photo import identify_photo
from fieldmark.errors import PhotoError
from fieldmark.serve.settings import ServeSettings

__all__ = ["PhotoFlaw", "Upload", "read_upload", "read_uploads"]

_ANY = 10**12
_NAME_LENGTH = 255
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class PhotoFlaw:
    """Why the header of a file is not that of a photo that the server takes.

    Attributes:
        sentence: The reason.
        status: 413 if the photo has too many pixels, else 422.
    """

    sentence: str
    status: int


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded photo.

    Attributes:
        name: The sender's name of the file, without characters that cannot be shown.
        content: Its bytes.
        flaw: Why it cannot be read; None if its header is that of a photo.
    """

    name: str
    content: bytes
    flaw: PhotoFlaw | None


async def read_uploads(files: Sequence[UploadFile], settings: ServeSettings) -> list[Upload]:
    """Return the photos of a request, bad ones too.

    Raises:
        HTTPException: 413 if there are too many photos.
    """
    if len(files) > settings.max_photos:
        sentence = f"a request can have at most {settings.max_photos} photos, got {len(files)}: send several requests"
        raise HTTPException(413, sentence)
    return [await _read(file, settings) for file in files]


async def read_upload(files: Sequence[UploadFile], settings: ServeSettings) -> Upload:
    """Return the only photo of a request.

    Raises:
        HTTPException: 413 if it has too many pixels; 422 if it is not a photo, or not the only one.
    """
    if len(files) != 1:
        raise HTTPException(422, f"expected one photo, but got {len(files)}: send one request for each")
    upload = await _read(files[0], settings)
    if upload.flaw is not None:
        raise HTTPException(upload.flaw.status, upload.flaw.sentence)
    return upload


async def _read(file: UploadFile, settings: ServeSettings) -> Upload:
    name, content = _shown(file.filename or "the photo"), await file.read()
    return Upload(name, content, await run_in_threadpool(_flaw, name, content, settings.max_pixels))


def _shown(name: str) -> str:
    return _UNSHOWN.sub("\ufffd", name[:_NAME_LENGTH])


def _flaw(name: str, content: bytes, max_pixels: int) -> PhotoFlaw | None:
    try:
        width, height = identify_photo(BytesIO(content), name, _ANY).size
    except PhotoError as error:
        is_bomb = isinstance(error.__cause__, Image.DecompressionBombError | Image.DecompressionBombWarning)
        return PhotoFlaw(str(error), 413 if is_bomb else 422)
    if width * height <= max_pixels:
        return None
    sentence = (
        f"{name} has {width} x {height} = {width * height / 1e6:,.0f} million pixels, but the limit is "
        f"{max_pixels / 1e6:,.0f} million: scale it down"
    )
    return PhotoFlaw(sentence, 413)
