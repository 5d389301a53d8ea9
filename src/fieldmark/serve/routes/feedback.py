"""``/v1/feedback``: correct an answer, list the corrections, and take them back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Query, Request, Response, Security, UploadFile
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from fieldmark.artifact.feedback_list import find_corrections
from fieldmark.artifact.load import load_manifest, verified_file
from fieldmark.artifact.manifest import Manifest
from fieldmark.data.label_names import MAX_LENGTH, checked_label
from fieldmark.errors import ModelError, SettingError
from fieldmark.recognizer.build_answer import answer_photo
from fieldmark.recognizer.feedback import add_correction, list_feedback, remove_feedback
from fieldmark.serve.routes.shared import CHANGES, ERRORS, Serving, one_reading
from fieldmark.serve.schemas import CorrectedBody, ErrorBody, FeedbackBody
from fieldmark.serve.service import PhotoReading, Service
from fieldmark.serve.token_route import TokenRoute
from fieldmark.serve.uploads import Upload, read_upload
from fieldmark.uncertainty.guarantees import AnswerOptions

__all__ = ["router"]

router = APIRouter(route_class=TokenRoute, dependencies=[Security(HTTPBearer(auto_error=False))], tags=["feedback"])
_NAMED: dict[int | str, dict[str, object]] = {
    **CHANGES,
    404: {"model": ErrorBody, "description": "There is no correction with that id."},
    422: {"model": ErrorBody, "description": "A parameter is not valid."},
}
_Id = Annotated[str, Query(alias="id", description="Id of a correction, or its first digits.", min_length=1)]


@router.post("/v1/feedback", response_model=CorrectedBody, responses={**ERRORS, **CHANGES})
async def correct(
    request: Request,
    service: Serving,
    label: Annotated[
        str,
        Form(description="The correct class, one of the model's or a new one.", min_length=1, max_length=MAX_LENGTH),
    ],
    photo: Annotated[list[UploadFile], File(description="One photo.")],
) -> JSONResponse:
    """Add a photo with its correct class to the feedback list. The last correction of a photo counts.

    The model folder keeps a JPEG of the photo without metadata. The answers of the model do not change.
    """
    if (labels := len((await request.form()).getlist("label"))) > 1:
        raise HTTPException(422, f"expected one label, but got {labels}: a photo has one correct class")
    name = checked_label(label)
    upload = await read_upload(photo, service.settings)
    reading = await one_reading(service, upload)
    return JSONResponse(await run_in_threadpool(_correct, service, name, upload, reading))


@router.get("/v1/feedback", response_model=FeedbackBody, responses={**CHANGES})
async def feedback(service: Serving) -> JSONResponse:
    """Return the feedback list, as ``fieldmark feedback --json`` does."""
    return JSONResponse(await run_in_threadpool(_list, service))


@router.get(
    "/v1/feedback/photo",
    response_class=Response,
    responses={**_NAMED, 200: {"content": {"image/jpeg": {}}}},
)
async def feedback_photo(service: Serving, name: _Id) -> Response:
    """Return the photo of a correction, as the model folder keeps it."""
    content = await run_in_threadpool(_photo, service, name)
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@router.delete("/v1/feedback", response_model=FeedbackBody, responses=_NAMED)
async def undo(service: Serving, name: _Id) -> JSONResponse:
    """Remove a correction and its photo from the feedback list, and return the rest of the list."""
    return JSONResponse(await run_in_threadpool(_undo, service, name))


def _correct(service: Service, label: str, upload: Upload, reading: PhotoReading) -> dict[str, object]:
    model = reading.recognizer
    answer = answer_photo(
        model.guarantees, model.classes, upload.name, reading.probabilities, reading.unknown, AnswerOptions(1)
    )
    with service.changing:
        made, replaced = add_correction(model, upload.content, label, answer, upload.name)
        service.follow()
        listed = list_feedback(model.folder)
    own = next(one for one in listed if one.id == made.id)
    return {
        "correction": own.to_dict(),
        "replaced": replaced.label if replaced else None,
        "corrections": len(listed),
    }


def _list(service: Service) -> dict[str, object]:
    return {"feedback": [one.to_dict() for one in list_feedback(_folder(service))]}


def _photo(service: Service, name: str) -> bytes:
    folder = _folder(service)
    manifest = load_manifest(folder)
    return verified_file(folder, manifest, _find(folder, manifest, name)).read_bytes()


def _undo(service: Service, name: str) -> dict[str, object]:
    with service.changing:
        folder = _folder(service)
        _find(folder, load_manifest(folder), name)
        remove_feedback(folder, [name])
        service.follow()
    return _list(service)


def _find(folder: Path, manifest: Manifest, name: str) -> str:
    """Return the photo of the correction that an id names."""
    try:
        return find_corrections(folder, manifest, [name])[0].photo
    except SettingError as error:
        raise HTTPException(404, f"no correction has the id '{name}': GET /v1/feedback lists them") from error


def _folder(service: Service) -> Path:
    model = service.recognizer
    if model.is_exported:
        raise ModelError("an exported file keeps no feedback: serve the model folder instead")
    return model.folder
