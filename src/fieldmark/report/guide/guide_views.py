"""Classes and pairs of a field guide as the template shows them."""

from __future__ import annotations

from dataclasses import dataclass

from fieldmark.data.photos.thumbnails import Thumbnail
from fieldmark.guide.evidence_parts import PartShare
from fieldmark.guide.look_alikes import LookAlikes

__all__ = ["ClassView", "LookAlikeView", "PhotoView", "PlateView", "Ring", "SideView"]


@dataclass(frozen=True, slots=True)
class Ring:
    """Frame of the strongest evidence, as shares of the photo's width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PhotoView:
    """A photo with its file name and, if it was explained, the frame of its evidence."""

    picture: Thumbnail
    name: str
    ring: Ring | None = None


@dataclass(frozen=True, slots=True)
class SideView:
    """One class of a pair.

    Attributes:
        label: The class.
        name: Its name.
        photos: Photos with evidence, or typical photos if none is predicted correctly.
        explained: Whether the photos have evidence.
        close_ups: Content of the frames, for all explained photos.
        mistaken: Photos that are predicted as the other class.
        called: Number of such photos.
        tested: Number of tested photos.
    """

    label: int
    name: str
    photos: tuple[PhotoView, ...]
    explained: bool
    close_ups: tuple[Thumbnail, ...]
    mistaken: tuple[PhotoView, ...]
    called: int
    tested: int


@dataclass(frozen=True, slots=True)
class PlateView:
    """A pair with its photos and what separates it."""

    pair: LookAlikes
    anchor: str
    sides: tuple[SideView, SideView]
    sentence: str
    parts: tuple[PartShare, ...]


@dataclass(frozen=True, slots=True)
class LookAlikeView:
    """A look-alike of a class: its name, link target, and how many photos are predicted as it."""

    name: str
    target: str
    called: int


@dataclass(frozen=True, slots=True)
class ClassView:
    """One class of the guide."""

    label: int
    name: str
    ancestors: str
    photos: tuple[PhotoView, ...]
    trained: int
    tested: int
    correct: int
    look_alikes: tuple[LookAlikeView, ...]
    advice: tuple[str, ...]
