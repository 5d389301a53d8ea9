"""Run the page of ``review`` or ``label`` until the person stops it, and open it in the browser."""

from __future__ import annotations

import contextlib
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from fieldmark.errors import SettingError
from fieldmark.progress import say
from fieldmark.serve.run import demand_extra, server_options
from fieldmark.serve.settings import ServeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["check_page_host", "run_page"]

_PATIENCE = 30.0  # seconds until the server must have started


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
    import uvicorn

    from fieldmark.serve.allowed_hosts import hosts_for

    settings = replace(settings, allowed_hosts=hosts_for(host, settings.allowed_hosts))
    config = uvicorn.Config(create(settings), host=host, port=port, **server_options(settings))
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/"
    say(f"{address} until Ctrl-C")
    if open_browser:
        threading.Thread(target=_open, args=(server, address), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # the way to stop: uvicorn passes the signal on once it has answered
        server.run(sockets=[listening])


def _open(server: object, address: str) -> None:
    """Open the page once the server answers."""
    started = time.monotonic()
    while not getattr(server, "started", False):
        if time.monotonic() - started > _PATIENCE:
            return
        time.sleep(0.05)
    webbrowser.open(address)
