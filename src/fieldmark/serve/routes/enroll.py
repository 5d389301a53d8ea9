"""``POST /v1/enroll`` and ``DELETE /v1/enroll``: add a class to the served model, or remove it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Query, Request, Security, UploadFile
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from fieldmark.data.label_names import MAX_LENGTH, checked_label, find_label
from fieldmark.data.photos.open_photo import bytes_key
from fieldmark.recognizer.enroll import Enrolment
from fieldmark.recognizer.enroll import enroll as enroll_photos
from fieldmark.recognizer.enroll import unenroll as unenroll_class
from fieldmark.recognizer.known_photo import ENROLLED
from fieldmark.recognizer.predictor import Predictor
from fieldmark.serve.routes.shared import CHANGES, ERRORS, Serving
from fieldmark.serve.schemas import ErrorBody, UnenrolBody
from fieldmark.serve.service import Service
from fieldmark.serve.token_route import TokenRoute
from fieldmark.serve.uploads import Upload, read_uploads

__all__ = ["router"]

router = APIRouter(route_class=TokenRoute, dependencies=[Security(HTTPBearer(auto_error=False))], tags=["classes"])
_UNENROLS: dict[int | str, dict[str, object]] = {
    **CHANGES,
    404: {"model": ErrorBody, "description": "There is no enrolled class of that name."},
    422: {"model": ErrorBody, "description": "The class was trained, or a parameter is not valid."},
}
_Name = Annotated[str, Query(alias="label", description="Name of an enrolled class.")]


@router.post("/v1/enroll", response_model=Enrolment, responses={**ERRORS, **CHANGES})
async def enroll(
    request: Request,
    service: Serving,
    label: Annotated[str, Form(description="Name of the new class.", min_length=1, max_length=MAX_LENGTH)],
    photo: Annotated[list[UploadFile], File(description="Photos of the class; one to five are enough.")],
) -> JSONResponse:
    """Add a class from its photos. Requests that arrived before are answered without the class, later ones with it."""
    if (labels := len((await request.form()).getlist("label"))) > 1:
        raise HTTPException(422, f"expected one label, but got {labels}: enroll one class in each request")
    uploads = await read_uploads(photo, service.settings)
    for upload in uploads:
        if upload.flaw is not None:
            raise HTTPException(upload.flaw.status, upload.flaw.sentence)
    outcome = await run_in_threadpool(_enroll, service, checked_label(label), uploads)
    return JSONResponse(outcome.to_dict())


@router.delete("/v1/enroll", response_model=UnenrolBody, responses=_UNENROLS)
async def unenroll(service: Serving, label: _Name) -> JSONResponse:
    """Remove an enrolled class and its uploaded photos. The model then answers as it did before the class was added."""
    return JSONResponse(await run_in_threadpool(_unenroll, service, label))


@router.delete("/v1/enroll/{label:path}", response_model=UnenrolBody, responses=_UNENROLS)
async def unenroll_by_path(
    service: Serving, label: Annotated[str, PathParameter(description="Name of an enrolled class.")]
) -> JSONResponse:
    """Remove an enrolled class as ``DELETE /v1/enroll?label=`` does, which also takes names such as ``..``."""
    return JSONResponse(await run_in_threadpool(_unenroll, service, label))


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


def _unenroll(service: Service, name: str) -> dict[str, object]:
    """Return the class, and the enrolled classes that remain."""
    with service.changing:
        model = Predictor(service.recognizer.path)  # the command line may have changed the model meanwhile
        known = [
            row for row in model.gallery.rows() if row.split == "enrolled"
        ]  # fails for exported files, which cannot change
        label = find_label(name, model.classes)
        if label is None:
            raise HTTPException(404, f"no enrolled class is named '{name}': GET /v1/model lists the enrolled classes")
        unenroll_class(model.path, label)
        service.follow()
        kept = {Path(row.path).name for row in known if row.label != label}
        for file in {Path(row.path).name for row in known if row.label == label} - kept:
            (model.folder / ENROLLED / file).unlink(missing_ok=True)
        return {"label": label, "enrolled": list(service.recognizer.open_set.labels)}


def _place(folder: Path, upload: Upload) -> Path:
    """Return a path that depends only on the content, so that a sender's file name never becomes a path."""
    return folder.absolute() / ENROLLED / f"{bytes_key(upload.content)}.img"
