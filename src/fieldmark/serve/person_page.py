"""A page for one person on this machine: the application around the routes of ``review`` or ``label``."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from fieldmark.page_folder import PAGE
from fieldmark.report.design_folder import DESIGN
from fieldmark.serve.guards import add_guards
from fieldmark.serve.request_counts import RequestCounts
from fieldmark.serve.routes.shared import ALWAYS
from fieldmark.serve.settings import ServeSettings

__all__ = ["create_page_app"]

_FILES = Path(__file__).with_name("person_page_files")


def create_page_app(name: str, router: APIRouter, session: Any, settings: ServeSettings | None = None) -> FastAPI:
    """Return an application with a page, its files, and the routes of a session.

    Args:
        name: ``review`` or ``label``: the page runs ``NAME.js``.
        router: Routes that read ``app.state.session``.
        session: A `ReviewSession` or what `label` needs.
        settings: Limits, host names and the token.
    """
    settings = settings or ServeSettings()
    app = FastAPI(
        title=f"Fieldmark {name}",
        version=version("fieldmark"),
        docs_url=None,
        redoc_url=None,
        responses=ALWAYS,
    )
    app.state.session, app.state.settings = session, settings
    app.include_router(router)

    html = (_FILES / "person.html").read_text(encoding="utf-8").replace("NAME", name)

    async def page() -> HTMLResponse:
        return HTMLResponse(html)

    app.add_api_route("/", page, include_in_schema=False)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    app.mount("/design", StaticFiles(directory=DESIGN), name="design")
    app.mount("/files", StaticFiles(directory=_FILES), name="files")
    add_guards(app, settings, RequestCounts())
    return app
