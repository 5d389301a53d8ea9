"""``/v1/label``: photos to label, suggestions, and the labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Body, Depends, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.thumbnails import small_jpeg
from fieldmark.data.relative_path import relative_path
from fieldmark.errors import ModelError, PhotoError
from fieldmark.recognizer.known_photo import known_photo
from fieldmark.recognizer.predictor import Predictor
from fieldmark.review.label_session import LabelSession
from fieldmark.serve.token_route import OwnerRoute

__all__ = ["Labelling", "router"]

router = APIRouter(route_class=OwnerRoute, prefix="/v1/label", tags=["label"])

_MAX_SIDE = 1600


@dataclass(frozen=True, slots=True)
class Labelling:
    """A session, and the model that its suggestions come from."""

    session: LabelSession
    predictor: Predictor


def _labelling(request: Request) -> Labelling:
    labelling: Labelling = request.app.state.session
    return labelling


Now = Annotated[Labelling, Depends(_labelling)]


@router.get("/state")
async def state(now: Now) -> JSONResponse:
    """Return how far the labelling is, all classes, and the next photo with its suggestions."""
    return JSONResponse(await run_in_threadpool(_state, now))


@router.post("/answer")
async def answer(
    now: Now, later: BackgroundTasks, photo: Annotated[int, Body()], label: Annotated[str, Body()]
) -> JSONResponse:
    """Give a photo its class. The file is on disk when the answer comes; a fit that is due follows after it."""
    name = await run_in_threadpool(now.session.answer, photo, label)
    if now.session.is_fit_due:
        later.add_task(now.session.refit_if_due)
    return JSONResponse(await run_in_threadpool(_state, now) | {"label": name}, background=later)


@router.post("/skip")
async def skip(now: Now, photo: Annotated[int, Body(embed=True)]) -> JSONResponse:
    """Leave a photo for the end."""
    await run_in_threadpool(now.session.skip, photo)
    return JSONResponse(await run_in_threadpool(_state, now))


@router.post("/undo")
async def undo(now: Now) -> JSONResponse:
    """Take the last label back; its photo is the next one again."""
    undone = await run_in_threadpool(now.session.undo)
    return JSONResponse(await run_in_threadpool(_state, now) | {"undone": undone})


@router.get("/photo/{number}", response_class=Response)
async def photo(now: Now, number: int, side: Annotated[int, Query(ge=16, le=_MAX_SIDE)] = 320) -> Response:
    """Return a photo of the folder as a JPEG."""
    if not 0 <= number < len(now.session.pool.photos):
        raise HTTPException(404, f"the folder has no photo number {number}")
    return await _answer(now.session.pool.photos[number], side)


@router.get("/example/{number}", response_class=Response)
async def example(now: Now, number: int, label: Annotated[str, Query()]) -> Response:
    """Return the known photo of a class that is nearest to a photo, as a JPEG."""
    if not 0 <= number < len(now.session.pool.photos):
        raise HTTPException(404, f"the folder has no photo number {number}")
    row = await run_in_threadpool(now.session.example, number, label)
    if row is None:
        raise HTTPException(404, f"the model knows no photo of '{label}'")
    try:
        place = known_photo(now.predictor, row.path)
    except ModelError as error:
        raise HTTPException(404, str(error)) from error
    return await _answer(place, 320)


async def _answer(path: Path, side: int) -> Response:
    try:
        content = await run_in_threadpool(_jpeg, path, side)
    except PhotoError as error:
        raise HTTPException(404, str(error)) from error
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


@lru_cache(256)
def _jpeg(path: Path, side: int) -> bytes:
    return small_jpeg(open_photo(path, draft=(side, side)), side)


def _state(now: Labelling) -> dict[str, Any]:
    session, progress = now.session, now.session.progress()
    following = session.next(2)  # the second one is fetched ahead
    return {
        "data": session.pool.folder.resolve().name,
        "file": session.file.name,
        "total": progress.total,
        "labelled": progress.labelled,
        "skipped": progress.skipped,
        "fits": progress.fits,
        "until_fit": progress.until_fit,
        "can_undo": session.can_undo,
        "classes": session.classes,
        "known": sorted({row.label for row in session.pool.known.rows}),
        "next": [_described(session, number) for number in following],
    }


def _described(session: LabelSession, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "path": relative_path(session.pool.photos[number], session.pool.folder),
        "suggestions": [{"label": one.label, "probability": one.probability} for one in session.suggestions(number)],
    }
