"""Run the server until it gets a signal to stop."""

from __future__ import annotations

from pathlib import Path

from fieldmark.errors import SettingError
from fieldmark.serve.settings import ServeSettings

__all__ = ["demand_extra", "serve"]

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

    from fieldmark.serve.app import create_app

    app = create_app(model, settings)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=_GRACE)
