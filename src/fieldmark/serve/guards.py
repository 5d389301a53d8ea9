"""What stands before the routes of every server: limits, host names, headers, counts, and errors in one sentence."""

from __future__ import annotations

from fastapi import FastAPI

from fieldmark.serve.allowed_hosts import AllowedHosts
from fieldmark.serve.error_answers import add_error_answers
from fieldmark.serve.middleware import Measured, SafeHeaders
from fieldmark.serve.request_body import BoundedBody, Utf8Forms
from fieldmark.serve.request_counts import RequestCounts
from fieldmark.serve.settings import ServeSettings

__all__ = ["add_guards"]


def add_guards(app: FastAPI, settings: ServeSettings, metrics: RequestCounts) -> None:
    """Add the middleware and the error answers that all servers of the package share.

    Args:
        app: The application.
        settings: Its limits and host names.
        metrics: Counts its requests.
    """
    app.add_middleware(Utf8Forms)
    app.add_middleware(BoundedBody, settings=settings)
    app.add_middleware(AllowedHosts, hosts=settings.allowed_hosts)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Measured, metrics=metrics)
    add_error_answers(app)
