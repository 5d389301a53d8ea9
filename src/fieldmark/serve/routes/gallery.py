"""``POST /v1/search`` and ``GET /v1/gallery/photo``: known photos that look alike."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, File, HTTPException, Query, Response, UploadFile
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from fieldmark.artifact.gallery import Neighbour
from fieldmark.errors import ModelError, PhotoError, unknown_name
from fieldmark.recognizer.predictor import Predictor
from fieldmark.serve.routes.shared import ERRORS, Serving, one_reading
from fieldmark.serve.schemas import ErrorBody, SearchBody
from fieldmark.serve.service import PhotoReading
from fieldmark.serve.uploads import read_upload

__all__ = ["router"]

router = APIRouter()


@router.post("/v1/search", response_model=SearchBody, responses=ERRORS, tags=["photos"])
async def search(
    service: Serving,
    photo: Annotated[list[UploadFile], File(description="One photo.")],
    k: Annotated[int, Query(ge=1, le=100, description="Number of known photos to return.")] = 5,
    label: Annotated[str | None, Query(description="Search only photos of this class.")] = None,
) -> JSONResponse:
    """Return the most similar known photos, as ``fieldmark search --json`` does."""
    upload = await read_upload(photo, service.settings)
    reading = await one_reading(service, upload)
    if label is not None and label not in reading.recognizer.classes:
        raise unknown_name("class", label, reading.recognizer.classes)
    near = await run_in_threadpool(_nearest, reading, k, label)
    return JSONResponse({"path": upload.name, "neighbours": near})


@router.get(
    "/v1/gallery/photo",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}},
        404: {"model": ErrorBody, "description": "The gallery has no such photo."},
        422: {"model": ErrorBody, "description": "A parameter is missing."},
    },
    tags=["photos"],
)
async def gallery_photo(
    service: Serving,
    path: Annotated[str, Query(description="Path of the photo in the gallery.")],
    size: Annotated[
        Literal["small", "large"], Query(description="Longer side: at most 320 pixels, or at most 1280.")
    ] = "small",
) -> Response:
    """Return a known photo, scaled down. Only photos in the gallery's table are served."""
    generation = service.recognizer.manifest.generation
    try:
        if size == "large":
            content = await run_in_threadpool(service.large_photo, path)
        else:
            content = await run_in_threadpool(service.thumbnail, path, generation)
    except ModelError as error:
        raise HTTPException(404, str(error)) from error
    except PhotoError as error:
        raise HTTPException(
            404, "the photo is no longer in the folder that the model was made from: give its folder with --photos"
        ) from error
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def _nearest(reading: PhotoReading, k: int, label: str | None) -> list[dict[str, object]]:
    model: Predictor = reading.recognizer
    vectors = model.open_set.state.projection(reading.embedding[None])
    return [_body(one) for one in model.gallery.search(vectors, k, label=label)[0]]


def _body(one: Neighbour) -> dict[str, object]:
    return asdict(one) | {"photo": f"/v1/gallery/photo?path={quote(one.path, safe='')}"}
