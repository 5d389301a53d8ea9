"""Dependencies that several routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from fieldmark.errors import PhotoError
from fieldmark.serve.schemas import ErrorBody
from fieldmark.serve.service import PhotoReading, Service
from fieldmark.serve.uploads import Upload

__all__ = ["ERRORS", "Serving", "one_reading"]

ERRORS: dict[int | str, dict[str, object]] = {
    413: {"model": ErrorBody, "description": "Too many bytes, pixels or photos."},
    422: {"model": ErrorBody, "description": "No photo can be read, or a parameter is not valid."},
    503: {"model": ErrorBody, "description": "Too many photos are waiting, or the server is shutting down."},
}


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]


async def one_reading(service: Service, upload: Upload) -> PhotoReading:
    """Return the reading of one photo.

    Raises:
        HTTPException: 422 if the photo cannot be read.
    """
    (found,) = await service.readings([upload.content])
    if isinstance(found, PhotoError):
        raise HTTPException(422, str(found).replace("the photo", upload.name, 1))
    return found
