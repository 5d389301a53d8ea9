"""How to cut out the object: chosen by cross-validation on a few photos."""

from __future__ import annotations

from dataclasses import replace

from fieldmark.data.photos.zoom import Zoom
from fieldmark.training.frozen.auto_search import AutoSearch, Candidate

__all__ = ["ZOOMS", "choose_zoom"]

ZOOMS = (Zoom(), Zoom(threshold=1.0), Zoom(tiles=2))
"""The most active region, for objects that fill much of a photo and for smaller ones, and a learned locator for objects
in scenes."""

_DESCRIPTORS = ("gem",)


def choose_zoom(search: AutoSearch, candidate: Candidate) -> Zoom:
    """Return the zoom with which the backbone of a candidate is most accurate on a few photos; the first of equals."""
    frozen = search.backbone(replace(candidate, zoom=ZOOMS[0]))

    def accuracy(zoom: Zoom) -> float:
        hits, _ = search.hits_on_few(frozen, _DESCRIPTORS, zoom)
        return float(hits.mean())

    return max(ZOOMS, key=accuracy)
