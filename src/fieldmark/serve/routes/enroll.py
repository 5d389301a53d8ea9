"""``POST /v1/enroll``: a class joins the model that is being served."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, HTTPException, UploadFile
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from fieldmark.data.photos import bytes_key
from fieldmark.recognizer.enroll import Enrolment
from fieldmark.recognizer.enroll import enroll as enroll_photos
from fieldmark.recognizer.recognizer import Recognizer
from fieldmark.serve.routes.shared import ERRORS, Serving
from fieldmark.serve.schemas import EnrolBody, ErrorBody
from fieldmark.serve.service import Service
from fieldmark.serve.uploads import Upload, read_uploads

__all__ = ["UPLOADS", "router"]

UPLOADS = "enrolled"
"""Folder inside the model for the photos that came this way."""

router = APIRouter()
_bearer = HTTPBearer(auto_error=False)


@router.post(
    "/v1/enroll",
    response_model=EnrolBody,
    responses={**ERRORS, 401: {"model": ErrorBody}, 403: {"model": ErrorBody}, 409: {"model": ErrorBody}},
    tags=["classes"],
)
async def enroll(
    service: Serving,
    label: Annotated[str, Form(description="Name of the new class.", max_length=200)],
    photo: Annotated[list[UploadFile], File(description="One to five photos of it, or more.")],
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> JSONResponse:
    """Let a class join from its photos; what was asked before is answered without it, what is asked after with it."""
    _demand_token(service.settings.token, sent)
    uploads = await read_uploads(photo, service.settings)
    for upload in uploads:
        if upload.error is not None:
            raise HTTPException(422, upload.error)
    outcome = await run_in_threadpool(_enroll, service, label, uploads)
    return JSONResponse(outcome.to_dict())


def _demand_token(token: str | None, sent: HTTPAuthorizationCredentials | None) -> None:
    if token is None:
        raise HTTPException(403, "enrolling is off on this server: start it with --token to allow it")
    if sent is None or not hmac.compare_digest(sent.credentials.encode(), token.encode()):
        sentence = "expected the server's token as 'Authorization: Bearer TOKEN', but none or another one came"
        raise HTTPException(401, sentence, {"WWW-Authenticate": "Bearer"})


def _enroll(service: Service, label: str, uploads: Sequence[Upload]) -> Enrolment:
    with service.changing:
        folder = service.recognizer.folder
        new = [path for upload in uploads if not (path := _place(folder, upload)).exists()]
        try:
            for upload in uploads:
                place = _place(folder, upload)
                place.parent.mkdir(exist_ok=True)
                place.write_bytes(upload.content)
            outcome = enroll_photos(service.recognizer.path, label, [_place(folder, upload) for upload in uploads])
        except BaseException:
            for path in new:
                path.unlink(missing_ok=True)
            raise
        service.swap(Recognizer(service.recognizer.path))
        return outcome


def _place(folder: Path, upload: Upload) -> Path:
    """By content alone: the sender's name never becomes a path."""
    return folder.absolute() / UPLOADS / f"{bytes_key(upload.content)}.img"
