"""Run the server until it gets a signal to stop."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fieldmark.errors import SettingError
from fieldmark.serve.settings import ServeSettings

__all__ = ["demand_extra", "serve", "server_options"]

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


def serve(model: str | Path, *, host: str, port: int, settings: ServeSettings) -> None:
    """Serve a model. On SIGINT or SIGTERM the server answers accepted requests, then stops.

    Raises:
        SettingError: The extra is not installed.
        ModelError: The model cannot be loaded.
    """
    demand_extra()
    import uvicorn

    from fieldmark.serve.allowed_hosts import hosts_for
    from fieldmark.serve.app import create_app

    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each malformed form
    settings = replace(settings, allowed_hosts=hosts_for(host, settings.allowed_hosts))
    uvicorn.run(create_app(model, settings), host=host, port=port, **server_options(settings))


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
