"""The server as an ASGI application, for `fieldmark serve` and for other ASGI servers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles
from starlette.types import Lifespan

from fieldmark.page_folder import PAGE
from fieldmark.report.design_folder import DESIGN
from fieldmark.serve.guards import add_guards
from fieldmark.serve.request_counts import RequestCounts
from fieldmark.serve.routes import enroll, explain, feedback, gallery, predict, status
from fieldmark.serve.routes.shared import ALWAYS
from fieldmark.serve.service import Service
from fieldmark.serve.settings import ServeSettings

__all__ = ["create_app", "openapi_document"]


def create_app(model: str | Path, settings: ServeSettings | None = None) -> FastAPI:
    """Return an application that serves one model. The model is loaded before the function returns.

    Args:
        model: A model folder or an exported file.
        settings: Limits and permissions.

    Raises:
        ModelError: The model cannot be loaded.
    """
    settings = settings or ServeSettings()
    metrics = RequestCounts()
    service = Service(Path(model), settings, metrics)
    metrics.watch_waiting(lambda: service.batcher.waiting)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    app = _with_routes(lifespan)
    app.state.service, app.state.metrics = service, metrics
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount("/design", StaticFiles(directory=DESIGN), name="design")
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    add_guards(app, settings, metrics)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the server, without loading a model."""
    return _with_routes().openapi()


def _with_routes(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    app = FastAPI(
        title="Fieldmark",
        version=version("fieldmark"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=ALWAYS,
    )
    for part in (predict, explain, gallery, enroll, feedback, status):
        app.include_router(part.router)
    return app


async def _page() -> FileResponse:
    return FileResponse(PAGE / "index.html")
