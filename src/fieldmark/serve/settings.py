"""Settings of a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServeSettings"]


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Limits and permissions.

    Attributes:
        max_bytes: Of a request's body.
        max_pixels: Of a photo, before it is unpacked.
        max_photos: In one request.
        max_waiting: Photos that wait for their turn; more are refused with 503.
        batch_size: Photos that are computed together, at most.
        max_wait: Seconds that a photo waits for others to join it.
        threads: That decode and compute; all cores for None.
        token: Who sends it may enroll; nobody may for None.
        photos: Where the known photos lie; where the model was made from for None.
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
