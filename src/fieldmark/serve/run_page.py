"""Run the page of ``review`` or ``label`` until the person stops it, and open it in the browser."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from fieldmark.errors import SettingError
from fieldmark.progress import say
from fieldmark.serve.run import bind, demand_extra, run_app, url_of
from fieldmark.serve.settings import ServeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["check_page_host", "run_page"]


def check_page_host(host: str, token: str | None) -> None:
    """Check that the server may listen there, before the work that fills the page.

    Raises:
        SettingError: The extra ``serve`` is not installed, or other machines could reach the photos without a token.
    """
    demand_extra()
    from fieldmark.serve.allowed_hosts import is_loopback

    if token is None and not is_loopback(host):
        raise SettingError(
            f"other machines could see the photos and decide at {host}: give an access token with --token"
        )


def run_page(
    create: Callable[[ServeSettings], FastAPI], *, host: str, port: int, settings: ServeSettings, open_browser: bool
) -> None:
    """Serve a page. On SIGINT or SIGTERM the server answers accepted requests, then stops.

    Args:
        create: Makes the application.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        settings: Limits, host names and the token.
        open_browser: Whether to open the page in the browser.
    """
    from fieldmark.serve.allowed_hosts import hosts_for

    settings = replace(settings, allowed_hosts=hosts_for(host, settings.allowed_hosts))
    app = create(settings)
    with bind(host, port) as place:
        place.listen()  # the browser may ask before the server accepts
        say(f"{url_of(place)} until Ctrl-C")
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(url_of(place),), daemon=True).start()
        run_app(app, place, settings)
