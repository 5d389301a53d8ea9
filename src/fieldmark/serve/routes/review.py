"""``/v1/review``: the items of a data set, their photos, and the decisions about them."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.thumbnails import small_jpeg
from fieldmark.errors import PhotoError
from fieldmark.review.items import Item
from fieldmark.review.review_session import Choice, ReviewSession
from fieldmark.serve.token_route import OwnerRoute

__all__ = ["router"]

router = APIRouter(route_class=OwnerRoute, prefix="/v1/review", tags=["review"])

_MAX_SIDE = 1600
_SHOWN = 12  # photos of an item
_SHOWN_CLASSES = 2  # suggestions whose nearest photos are shown


def _session(request: Request) -> ReviewSession:
    session: ReviewSession = request.app.state.session
    return session


Reviewing = Annotated[ReviewSession, Depends(_session)]


@router.get("/state")
async def state(session: Reviewing) -> JSONResponse:
    """Return how far the review is, the items that are left, and all classes."""
    return JSONResponse(await run_in_threadpool(_state, session))


@router.get("/item")
async def item(session: Reviewing, key: Annotated[str, Query()]) -> JSONResponse:
    """Return one item with its photos, the nearest photos of the classes in question, and what may be chosen."""
    return JSONResponse(await run_in_threadpool(_described, session, session.item(key)))


@router.post("/decide")
async def decide(
    session: Reviewing,
    key: Annotated[str, Body()],
    choice: Annotated[Choice, Body()],
    label: Annotated[str | None, Body()] = None,
    photo: Annotated[int | None, Body()] = None,
) -> JSONResponse:
    """Decide about an item. The file is on disk when the answer comes."""
    await run_in_threadpool(session.decide, key, choice, label=label, photo=photo)
    return JSONResponse(await run_in_threadpool(_state, session))


@router.post("/undo")
async def undo(session: Reviewing) -> JSONResponse:
    """Take the last decision back; `undone` is the key of its item."""
    undone = await run_in_threadpool(session.undo)
    return JSONResponse(await run_in_threadpool(_state, session) | {"undone": undone and undone.key})


@router.get("/photo/{number}", response_class=Response)
async def photo(
    request: Request, session: Reviewing, number: int, side: Annotated[int, Query(ge=16, le=_MAX_SIDE)] = 320
) -> Response:
    """Return a photo of the data as a JPEG."""
    if not 0 <= number < len(session.records):
        raise HTTPException(404, f"the data set has no photo number {number}")
    try:
        content = await run_in_threadpool(_jpeg, session, number, side)
    except PhotoError as error:
        raise HTTPException(404, str(error)) from error
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


@lru_cache(256)
def _jpeg(session: ReviewSession, number: int, side: int) -> bytes:
    record = session.records[number]
    return small_jpeg(open_photo(record.path, trim_bottom=record.trim_bottom, draft=(side, side)), side)


def _state(session: ReviewSession) -> dict[str, Any]:
    progress, left = session.progress(), session.left()
    root = session.records.root
    return {
        "data": root.name if root is not None else session.records.name,
        "file": session.file.name,
        "total": progress.total,
        "left": progress.left,
        "decisions": progress.decisions,
        "expected_wrong": progress.expected_wrong,
        "can_undo": session.can_undo,
        "classes": session.classes,
        "items": [{"key": one.key, "problem": one.problem, "code": one.code} for one in left],
    }


def _described(session: ReviewSession, item: Item) -> dict[str, Any]:
    given = session.label_of(item.photos[0])
    near = {}
    if item.problem == "label":
        for label in (given, *(one.label for one in item.suggestions[:_SHOWN_CLASSES])):
            near[label] = session.nearest(item.photos[0], label)
    return {
        "key": item.key,
        "problem": item.problem,
        "code": item.code,
        "reason": item.reason,
        "gain": item.gain,
        "given": given,
        "given_probability": item.given_probability,
        "suggestions": [{"label": one.label, "probability": one.probability} for one in item.suggestions],
        "count": len(item.photos),
        "photos": [_photo(session, number) for number in item.photos[:_SHOWN]],
        "nearest": [
            {"label": label, "photos": [_photo(session, one.photo) | {"similarity": one.similarity} for one in found]}
            for label, found in near.items()
            if found
        ],
    }


def _photo(session: ReviewSession, number: int) -> dict[str, Any]:
    record = session.records[number]
    return {
        "number": number,
        "path": session.names[number],
        "label": session.label_of(number),
        "split": record.split,
        "dropped": session.is_dropped(number),
    }
