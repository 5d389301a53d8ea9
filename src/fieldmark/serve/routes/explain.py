"""``POST /v1/explain``: where the evidence lies in a photo."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, File, Query, Response, UploadFile
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from fieldmark.serve.overlays import overlay, png, png_uri
from fieldmark.serve.routes.shared import ERRORS, Serving
from fieldmark.serve.schemas import ExplainBody
from fieldmark.serve.uploads import read_upload

__all__ = ["router"]

router = APIRouter()
_PICTURE: dict[int | str, dict[str, object]] = {
    200: {
        "content": {"image/png": {"schema": {"type": "string", "contentMediaType": "image/png"}}},
        "description": "The evidence, or with `picture` one overlay as a PNG with transparency.",
    }
}


@router.post("/v1/explain", response_model=ExplainBody, responses={**ERRORS, **_PICTURE}, tags=["photos"])
async def explain(
    service: Serving,
    photo: Annotated[list[UploadFile], File(description="One photo.")],
    against: Annotated[
        str | None, Query(description="Class to compare with the most probable one; by default the second.")
    ] = None,
    picture: Annotated[
        Literal["map", "contrast"] | None, Query(description="Return only this overlay, as image/png.")
    ] = None,
) -> Response:
    """Return the evidence for the most probable class, also against another class, as numbers and overlays."""
    upload = await read_upload(photo, service.settings)
    evidence, _ = await service.explain(upload.content, against)
    maps = {"map": evidence.map, "contrast": evidence.fine}
    if picture is not None:
        drawn = await run_in_threadpool(lambda: png(overlay(evidence, maps[picture])))
        return Response(drawn, media_type="image/png")
    uris = await run_in_threadpool(lambda: {name: png_uri(overlay(evidence, grid)) for name, grid in maps.items()})
    facts = evidence.to_dict() | {"path": upload.name}
    return JSONResponse({"evidence": facts, "map_overlay": uris["map"], "contrast_overlay": uris["contrast"]})
