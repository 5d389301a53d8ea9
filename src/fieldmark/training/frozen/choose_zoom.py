"""How to cut out the object: chosen by cross-validation on a few photos."""

from __future__ import annotations

from dataclasses import replace

from fieldmark.data.photos.zoom import Zoom
from fieldmark.training.frozen.auto_search import AutoSearch, Candidate

__all__ = ["FINER", "SMALL_OBJECT", "ZOOMS", "choose_zoom"]

ZOOMS = (Zoom(), Zoom(threshold=1.0), Zoom(tiles=2))
"""The most active region, for objects that fill much of a photo and for smaller ones, and a learned locator for objects
in scenes."""

FINER = Zoom(tiles=3)
"""What is tried where objects are small. It reads 25 tiles in place of 9."""

SMALL_OBJECT = 0.15
"""Share of a photo below which 3 x 3 tiles are tried, by the median of the boxes that 2 x 2 tiles find. A locator may
find a part of a large object, so that the share alone does not tell small ones; see docs/research/zoom.md."""

_DESCRIPTORS = ("gem",)


def choose_zoom(search: AutoSearch, candidate: Candidate) -> Zoom:
    """Return the zoom with which the backbone of a candidate is most accurate on a few photos, and note why.

    A locator on 3 x 3 tiles is tried only where 2 x 2 tiles gain over the most active region what a pilot must, and
    find small objects, and where the limit of the search has room for it. It must gain as much again, since it doubles
    the time of every answer. The tiles of these photos are then in the cache for the pass over all photos.
    """
    frozen = search.backbone(replace(candidate, zoom=ZOOMS[0]))

    def has_room(zoom: Zoom) -> bool:
        return search.limit.has_room(frozen, search.views(replace(candidate, zoom=zoom)))

    tried = {zoom: search.read_few(frozen, _DESCRIPTORS, zoom) for zoom in ZOOMS if zoom is ZOOMS[0] or has_room(zoom)}
    best = max(tried, key=lambda zoom: tried[zoom].accuracy)  # the first of equals
    lines = [f"{_name(zoom)} {found.accuracy:.3f}" for zoom, found in tried.items()]
    share = tried[best].object_share
    if share is not None:
        lines.append(f"objects fill {share:.0%} of a photo")
    clearly = all(tried[best].over(found).pays for zoom, found in tried.items() if not zoom.tiles)
    if share is not None and share < SMALL_OBJECT and clearly:
        if has_room(FINER):
            gained = search.read_few(frozen, _DESCRIPTORS, FINER).over(tried[best])
            lines.append(f"{_name(FINER)} {gained.gain:+.3f} ± {gained.error:.3f}")
            best = FINER if gained.pays else best
        else:
            lines.append(f"{_name(FINER)} not tried, which need more than a fit without --budget may spend")
    search.note(f"where to zoom, on a subset of the photos: {', '.join(lines)}; chosen: {_name(best)}")
    return best


def _name(zoom: Zoom) -> str:
    if zoom.tiles:
        return f"{zoom.tiles} x {zoom.tiles} tiles"
    return "the most active region" if not zoom.threshold else f"… above {zoom.threshold:g} standard deviation"
