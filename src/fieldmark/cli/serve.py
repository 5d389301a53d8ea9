"""``fieldmark serve``: answer over HTTP, with a page for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["serve"]


def serve(
    model: Annotated[Path, typer.Argument(help="A model folder, or a file that export wrote.")],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="FIELDMARK_TOKEN", show_envvar=True, help="Access token that allows enrolling."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A host name that requests may use besides loopback names, or *.NAME; can be repeated."),
    ] = None,
    photos: Annotated[Path | None, typer.Option(help="Where the known photos are, if they have moved.")] = None,
    max_megabytes: Annotated[float, typer.Option(min=0.001, help="Largest request in MB.")] = 64.0,
    max_megapixels: Annotated[float, typer.Option(min=0.001, help="Largest photo in megapixels.")] = 60.0,
    max_wait_ms: Annotated[
        float, typer.Option(min=0.0, help="Milliseconds that a photo waits for others to form a batch.")
    ] = 3.0,
) -> None:
    """Answer over HTTP: a page at /, JSON under /v1, its description at /openapi.json."""
    from fieldmark.progress import say
    from fieldmark.serve.run import serve as run
    from fieldmark.serve.settings import ServeSettings

    settings = ServeSettings(
        max_bytes=round(max_megabytes * 1e6),
        max_pixels=round(max_megapixels * 1e6),
        max_wait=max_wait_ms / 1e3,
        token=token or None,
        photos=photos,
        allowed_hosts=tuple(allow_host or ()),
    )
    changes = f"enrolling is {'on' if token else 'off'}"
    run(
        model,
        host=host,
        port=port,
        settings=settings,
        ready=lambda url: say(f"serving {model} at {url} until Ctrl-C; {changes}"),
    )
