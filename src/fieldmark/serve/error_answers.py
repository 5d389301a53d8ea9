"""Answers for requests that fail: the right status, and one sentence."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from fieldmark.errors import FieldmarkError, ModelError
from fieldmark.serve.micro_batches import Closed, Full, Lost

__all__ = ["add_error_answers"]


_REASONS: dict[type[Exception], str] = {
    Full: "too many photos are waiting",
    Closed: "the server is shutting down",
    Lost: "the server lost the photo while it read it",
}


def add_error_answers(app: FastAPI) -> None:
    """Answer every error with ``{"error": "one sentence"}``."""
    app.add_exception_handler(FieldmarkError, _refused)
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Full, _busy)
    app.add_exception_handler(Closed, _busy)
    app.add_exception_handler(Lost, _busy)
    app.add_exception_handler(Exception, _broken)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 409 if isinstance(error, ModelError) else 422)


async def _failed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where, what = str(first["loc"][1] if len(first["loc"]) > 1 else first["loc"][0]), str(first["msg"])
    if "Expected UploadFile" in what:
        what = "it must be a file"
    return JSONResponse({"error": f"'{where}' is not valid ({what}). See /openapi.json for the accepted values."}, 422)


async def _busy(_: Request, error: Exception) -> JSONResponse:
    reason = _REASONS[type(error)]
    return JSONResponse({"error": f"{reason}: try again in a moment"}, 503, {"Retry-After": "1"})


async def _broken(_: Request, error: Exception) -> JSONResponse:
    """The last resort. The traceback is logged by the ASGI server."""
    return JSONResponse({"error": "the server failed on this request: its log has the reason"}, 500)
