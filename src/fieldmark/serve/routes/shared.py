"""Dependencies that several routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from fieldmark.errors import PhotoError
from fieldmark.serve.schemas import ErrorBody
from fieldmark.serve.service import PhotoReading, Service
from fieldmark.serve.uploads import Upload

__all__ = ["ALWAYS", "CHANGES", "ERRORS", "Serving", "one_reading"]

_Responses = dict[int | str, dict[str, object]]

ALWAYS: _Responses = {
    400: {"model": ErrorBody, "description": "The request is not valid HTTP, or its form is malformed."},
    408: {"model": ErrorBody, "description": "The request did not arrive in time."},
    413: {"model": ErrorBody, "description": "Too many bytes, pixels or photos."},
    421: {"model": ErrorBody, "description": "The request names a host that this server does not answer for."},
    503: {"model": ErrorBody, "description": "Too much is waiting, or the server is shutting down."},
}
"""Statuses that every route can have."""

ERRORS: _Responses = {
    403: {"model": ErrorBody, "description": "A page of another website sent the request."},
    409: {"model": ErrorBody, "description": "The model cannot do this."},
    422: {"model": ErrorBody, "description": "No photo can be read, or a parameter is not valid."},
}
"""Further statuses of routes that take photos."""


CHANGES: _Responses = {
    401: {"model": ErrorBody, "description": "The request does not have the server's token."},
    403: {
        "model": ErrorBody,
        "description": "Changing the model is off, or a page of another website sent the request.",
    },
    409: {"model": ErrorBody, "description": "The model cannot change."},
}
"""Further statuses of routes that need the token."""


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
