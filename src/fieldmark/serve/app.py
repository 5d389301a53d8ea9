"""The server as an ASGI application, for `fieldmark serve` and for other ASGI servers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from fieldmark.errors import FieldmarkError, ModelError
from fieldmark.serve.micro_batches import Closed, Full
from fieldmark.serve.middleware import BoundedBody, Measured, SafeHeaders
from fieldmark.serve.request_counts import RequestCounts
from fieldmark.serve.routes import enroll, explain, gallery, predict, status
from fieldmark.serve.service import Service
from fieldmark.serve.settings import ServeSettings

__all__ = ["create_app"]

_PAGE = Path(__file__).with_name("page")


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

    app = FastAPI(title="Fieldmark", version=version("fieldmark"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service, app.state.metrics = service, metrics
    for part in (predict, explain, gallery, enroll, status):
        app.include_router(part.router)
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount("/page", StaticFiles(directory=_PAGE), name="page")
    app.add_middleware(BoundedBody, max_bytes=settings.max_bytes)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Measured, metrics=metrics)
    app.add_exception_handler(FieldmarkError, _refused)
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Full, _busy)
    app.add_exception_handler(Closed, _busy)
    return app


async def _page() -> FileResponse:
    return FileResponse(_PAGE / "index.html")


async def _refused(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 409 if isinstance(error, ModelError) else 422)


async def _failed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where, what = str(first["loc"][-1]), str(first["msg"])
    return JSONResponse({"error": f"'{where}' is not valid ({what}). See /openapi.json for the accepted values."}, 422)


async def _busy(_: Request, error: Exception) -> JSONResponse:
    reason = "the server is shutting down" if isinstance(error, Closed) else "too many photos are waiting"
    return JSONResponse({"error": f"{reason}: try again in a moment"}, 503, {"Retry-After": "1"})
