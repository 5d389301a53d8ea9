"""Run the server until it gets a signal to stop."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldmark.errors import SettingError
from fieldmark.serve.settings import ServeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["bind", "demand_extra", "run_app", "serve", "server_options", "url_of"]

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")
_GRACE = 30


def demand_extra() -> None:
    """Check that the libraries of the ``serve`` extra are installed.

    Raises:
        SettingError: One of them is missing.
    """
    from importlib.util import find_spec

    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise SettingError(
            f"fieldmark serve needs {missing[0]}, which is not installed: run pip install 'fieldmark[serve]'"
        )


def serve(
    model: str | Path, *, host: str, port: int, settings: ServeSettings, ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve a model. On SIGINT or SIGTERM the server answers accepted requests, then stops.

    Args:
        model: A model folder or an exported file.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        settings: Limits and permissions.
        ready: Called with the server's URL once the model is loaded and requests are accepted.

    Raises:
        SettingError: The extra is not installed, or the address is taken or not of this machine.
        ModelError: The model cannot be loaded.
    """
    demand_extra()
    from fieldmark.serve.allowed_hosts import hosts_for
    from fieldmark.serve.app import create_app

    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each malformed form
    settings = replace(settings, allowed_hosts=hosts_for(host, settings.allowed_hosts))
    with bind(host, port) as place:
        app = create_app(model, settings)
        place.listen()  # connections wait until the server accepts them
        ready(url_of(place))
        run_app(app, place, settings)


def run_app(app: FastAPI, place: socket.socket, settings: ServeSettings) -> None:
    """Answer requests at a socket until SIGINT or SIGTERM; accepted requests are answered first."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, **server_options(settings)))
    with contextlib.suppress(KeyboardInterrupt):  # the way to stop: uvicorn passes the signal on once it has answered
        server.run(sockets=[place])


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address.

    Raises:
        SettingError: Another process has the port, or the host is not an address of this machine.
    """
    place = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
    except OSError as error:
        place.close()
        reason = error.strerror or error
        raise SettingError(f"cannot listen on {host}, port {port} ({reason}): name another --port or --host") from None
    return place


def url_of(place: socket.socket) -> str:
    """Return the URL of the server behind a bound socket."""
    host, port = place.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def server_options(settings: ServeSettings) -> dict[str, Any]:
    """Return the options of uvicorn that keep the limits of the settings, for `uvicorn.Config` too."""
    from fieldmark.serve.connections import LimitedConnection

    return {
        "http": partial(LimitedConnection, settings),
        "ws": "none",
        "log_level": "error",  # a line for each malformed request would fill the log
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": _GRACE,
    }
