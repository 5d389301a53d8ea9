"""``POST /v1/enroll`` and ``DELETE /v1/enroll/{label}``: add a class to the served model, or remove it."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, HTTPException, UploadFile
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from fieldmark.data.photos.open_photo import bytes_key
from fieldmark.recognizer.enroll import Enrolment
from fieldmark.recognizer.enroll import enroll as enroll_photos
from fieldmark.recognizer.enroll import unenroll as unenroll_class
from fieldmark.recognizer.predictor import Predictor
from fieldmark.serve.routes.shared import ERRORS, Serving
from fieldmark.serve.schemas import EnrolBody, ErrorBody, UnenrolBody
from fieldmark.serve.service import Service
from fieldmark.serve.uploads import Upload, read_uploads

__all__ = ["UPLOADS", "router"]

UPLOADS = "enrolled"
"""Folder inside the model for uploaded photos."""

router = APIRouter()
_bearer = HTTPBearer(auto_error=False)
_REFUSED: dict[int | str, dict[str, object]] = {status: {"model": ErrorBody} for status in (401, 403, 409)}


@router.post("/v1/enroll", response_model=EnrolBody, responses={**ERRORS, **_REFUSED}, tags=["classes"])
async def enroll(
    service: Serving,
    label: Annotated[str, Form(description="Name of the new class.", max_length=200)],
    photo: Annotated[list[UploadFile], File(description="Photos of the class; one to five are enough.")],
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> JSONResponse:
    """Add a class from its photos. Requests that arrived before are answered without the class, later ones with it."""
    _demand_token(service.settings.token, sent)
    uploads = await read_uploads(photo, service.settings)
    for upload in uploads:
        if upload.error is not None:
            raise HTTPException(422, upload.error)
    outcome = await run_in_threadpool(_enroll, service, label, uploads)
    return JSONResponse(outcome.to_dict())


@router.delete(
    "/v1/enroll/{label:path}",
    response_model=UnenrolBody,
    responses={**_REFUSED, 404: {"model": ErrorBody}, 422: {"model": ErrorBody}},
    tags=["classes"],
)
async def unenroll(
    service: Serving,
    label: Annotated[str, PathParameter(description="Name of an enrolled class.", max_length=200)],
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> JSONResponse:
    """Remove an enrolled class and its uploaded photos. The model then answers as it did before the class was added."""
    _demand_token(service.settings.token, sent)
    return JSONResponse(
        {"label": label.strip(), "enrolled": await run_in_threadpool(_unenroll, service, label.strip())}
    )


def _demand_token(token: str | None, sent: HTTPAuthorizationCredentials | None) -> None:
    if token is None:
        raise HTTPException(403, "Enrolling is off on this server. Start it with --token to allow it.")
    if sent is None or not hmac.compare_digest(sent.credentials.encode(), token.encode()):
        sentence = "That access token isn't valid. Send the server's token as 'Authorization: Bearer TOKEN'."
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
        service.follow()
        return outcome


def _unenroll(service: Service, label: str) -> list[str]:
    """Return the enrolled classes that remain."""
    with service.changing:
        model = Predictor(service.recognizer.path)  # the command line may have changed the model meanwhile
        known = [
            row for row in model.gallery.rows() if row.split == "enrolled"
        ]  # fails for exported files, which cannot change
        if label not in model.classes:
            raise HTTPException(404, f"no enrolled class is named '{label}': GET /v1/model lists the enrolled classes")
        unenroll_class(model.path, label)
        service.follow()
        kept = {Path(row.path).name for row in known if row.label != label}
        for name in {Path(row.path).name for row in known if row.label == label} - kept:
            (model.folder / UPLOADS / name).unlink(missing_ok=True)
        return list(service.recognizer.open_set.labels)


def _place(folder: Path, upload: Upload) -> Path:
    """Return a path that depends only on the content, so that a sender's file name never becomes a path."""
    return folder.absolute() / UPLOADS / f"{bytes_key(upload.content)}.img"
