"""Write what `measure_drift` found as one HTML page with example photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fieldmark.data.photos.thumbnails import Allowance, Thumbnail, thumbnail
from fieldmark.evaluation.drift import Drift
from fieldmark.recognizer.predictor import Predictor
from fieldmark.report.page import model_facts, model_name, percent, write_page
from fieldmark.structures import Record

__all__ = ["write_drift"]

_SIDE = 400
_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class _Picture:
    """A new photo with its caption."""

    picture: Thumbnail
    name: str
    caption: str


def write_drift(found: Drift, predictor: Predictor, out: Path) -> None:
    """Write a page that needs no other file.

    Args:
        found: What the page shows.
        predictor: The model that the photos were compared with.
        out: The HTML file.
    """
    limit = Allowance(_BYTES, max(len(found.examples), 1)).each
    pictures = []
    for photo in found.examples:
        picture = thumbnail(Record(Path(photo.path), 0), _SIDE, limit)
        if picture is not None:
            name = Path(photo.path).name.encode("utf-8", "replace").decode()
            pictures.append(_Picture(picture, name, f"{photo.label} {percent(photo.confidence)}"))
    write_page(
        out,
        "drift.html.j2",
        subject=model_name(predictor),
        folders={Path(path).parent for path in found.errors},
        drift=found,
        pictures=pictures,
        facts=model_facts(predictor, ("new photos", f"{found.new:,}"), ("known photos", f"{found.known:,} of val")),
    )
