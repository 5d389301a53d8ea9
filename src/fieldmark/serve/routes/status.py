"""Health, readiness, metrics and a description of the model."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from fieldmark.serve.request_counts import RequestCounts
from fieldmark.serve.routes.shared import ALWAYS, Serving
from fieldmark.serve.schemas import ModelBody

__all__ = ["router"]

router = APIRouter(tags=["server"])


@router.get("/healthz", response_class=PlainTextResponse)
async def healthz() -> PlainTextResponse:
    """Return 200 while the process runs."""
    return PlainTextResponse("ok\n")


@router.get(
    "/readyz",
    response_class=PlainTextResponse,
    responses={503: {**ALWAYS[503], "content": {"text/plain": {}}, "description": "Not ready, or too busy."}},
)
async def readyz(request: Request) -> PlainTextResponse:
    """Return 200 when the model is loaded; 503 before that and during shutdown.

    If the model on disk is missing or damaged, the server answers from the generation in memory, and says so.
    """
    service = getattr(request.app.state, "service", None)
    if service is None or not service.ready:
        return PlainTextResponse("not ready\n", 503)
    if service.trouble:
        generation = service.recognizer.manifest.generation
        return PlainTextResponse(f"ready: answering from generation {generation}, because {service.trouble}\n")
    return PlainTextResponse("ready\n")


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Return metrics for Prometheus."""
    counted: RequestCounts = request.app.state.metrics
    return Response(counted.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/model", response_model=ModelBody)
async def model(service: Serving) -> JSONResponse:
    """Return the classes of the model and the limits of the server."""
    recognizer, settings = service.recognizer, service.settings
    has_sets = recognizer.guarantees.photos > 0
    body = ModelBody(
        version=version("fieldmark"),
        name=recognizer.path.resolve().stem if recognizer.is_exported else recognizer.path.resolve().name,
        classes=list(recognizer.classes),
        questions=[one.question for one in recognizer.asked],
        enrolled=list(recognizer.open_set.labels),
        enrolled_photos={facts.label: facts.photos for facts in recognizer.manifest.enrolled},
        corrections=len(recognizer.manifest.feedback),
        ranks=list(recognizer.manifest.ranks),
        coverage=recognizer.guarantees.coverage if has_sets else None,
        explains=not recognizer.is_exported,
        gallery=recognizer.manifest.gallery is not None,
        enrolls=settings.token is not None and not recognizer.is_exported,
        max_photos=settings.max_photos,
        max_bytes=settings.max_bytes,
    )
    return JSONResponse(body.model_dump())
