"""Read the photos of a request, and reject bad ones before they are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from fastapi import HTTPException, UploadFile
from PIL import Image
from starlette.concurrency import run_in_threadpool

from fieldmark.data.photos.open_photo import identify_photo
from fieldmark.errors import PhotoError
from fieldmark.serve.settings import ServeSettings

__all__ = ["Upload", "read_upload", "read_uploads"]

_ANY = 10**12


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded photo.

    Attributes:
        name: The sender's name of the file.
        content: Its bytes.
        error: Why the header is not that of a photo; None if it is.
    """

    name: str
    content: bytes
    error: str | None


async def read_uploads(files: Sequence[UploadFile], settings: ServeSettings) -> list[Upload]:
    """Return the photos of a request.

    Raises:
        HTTPException: 413 if there are too many photos, or if one has too many pixels.
    """
    if len(files) > settings.max_photos:
        sentence = f"a request can have at most {settings.max_photos} photos, got {len(files)}: send several requests"
        raise HTTPException(413, sentence)
    return [await _read(file, settings) for file in files]


async def read_upload(file: UploadFile, settings: ServeSettings) -> Upload:
    """Return the only photo of a request.

    Raises:
        HTTPException: 413 if it has too many pixels, 422 if it is not a photo.
    """
    upload = await _read(file, settings)
    if upload.error is not None:
        raise HTTPException(422, upload.error)
    return upload


async def _read(file: UploadFile, settings: ServeSettings) -> Upload:
    name, content = file.filename or "the photo", await file.read()
    return Upload(name, content, await run_in_threadpool(_flaw, name, content, settings.max_pixels))


def _flaw(name: str, content: bytes, max_pixels: int) -> str | None:
    try:
        width, height = identify_photo(BytesIO(content), name, _ANY).size
    except PhotoError as error:
        if isinstance(error.__cause__, Image.DecompressionBombError | Image.DecompressionBombWarning):
            raise HTTPException(413, str(error)) from error
        return str(error)
    if width * height > max_pixels:
        sentence = (
            f"{name} has {width} x {height} = {width * height / 1e6:,.0f} million pixels, but the limit is "
            f"{max_pixels / 1e6:,.0f} million: scale it down"
        )
        raise HTTPException(413, sentence)
    return None
