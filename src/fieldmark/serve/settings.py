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
        batch_size: Maximum number of photos in a batch.
        max_wait: Seconds that a photo waits for others.
        threads: Threads that decode and compute; None uses all cores.
        token: Access token for enrolling; None turns enrolling off.
        photos: Folder of the known photos; None uses the folder that the model was made from.
    """

    max_bytes: int = 64_000_000
    max_pixels: int = 60_000_000
    max_photos: int = 64
    max_waiting: int = 512
    batch_size: int = 4
    max_wait: float = 0.003
    threads: int | None = None
    token: str | None = None
    photos: Path | None = None
