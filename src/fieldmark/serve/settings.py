"""Settings of the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServeSettings"]


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Limits and permissions.

    Attributes:
        max_bytes: Maximum size of a request's body.
        max_pixels: Maximum number of pixels of a photo; checked before decoding.
        max_photos: Maximum number of photos in a request.
        max_waiting: Maximum number of waiting photos; more are answered with 503.
        max_held: Maximum size of all bodies that the server holds at one time; more are answered with 503.
        max_connections: Maximum number of open connections; more are answered with 503.
        head_seconds: Seconds in which the head of a request must arrive.
        body_seconds: Seconds in which the body of a request must arrive, apart from `body_rate`.
        body_rate: Bytes for which a body gets another second.
        batch_size: Maximum number of photos in a batch.
        max_wait: Seconds that a photo waits for others.
        threads: Threads that decode and compute; None uses all cores.
        token: Access token for enrolling; None turns enrolling off.
        photos: Folder of the known photos; None uses the folder that the model was made from.
        allowed_hosts: Host names that requests may name, ``*.example.org`` for all below one, ``*`` for all.
            Empty: `fieldmark.serve.run.serve` allows loopback names where it listens on a loopback address, and any
            name elsewhere; `fieldmark.serve.app.create_app` allows any name.
    """

    max_bytes: int = 64_000_000
    max_pixels: int = 60_000_000
    max_photos: int = 64
    max_waiting: int = 512
    max_held: int = 512_000_000
    max_connections: int = 512
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    body_rate: int = 16_000
    batch_size: int = 4
    max_wait: float = 0.003
    threads: int | None = None
    token: str | None = None
    photos: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
