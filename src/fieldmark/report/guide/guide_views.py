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
    """A photo.

    Attributes:
        picture: The photo.
        name: Its file.
        caption: What the model says about it; empty if that is the same for all photos beside it.
        ring: The frame of its evidence, if it was explained.
        close_up: The content of the frame.
    """

    picture: Thumbnail
    name: str
    caption: str = ""
    ring: Ring | None = None
    close_up: Thumbnail | None = None


@dataclass(frozen=True, slots=True)
class SideView:
    """One class of a pair.

    Attributes:
        label: The class.
        name: Its name.
        photos: Photos with evidence, or typical photos if none is predicted correctly.
        explained: Whether the photos have evidence.
        mistaken: Photos that are predicted as the other class.
        called: Number of such photos.
        tested: Number of tested photos.
    """

    label: int
    name: str
    photos: tuple[PhotoView, ...]
    explained: bool
    mistaken: tuple[PhotoView, ...]
    called: int
    tested: int


@dataclass(frozen=True, slots=True)
class PlateView:
    """A pair with its photos and what separates it."""

    pair: LookAlikes
    number: int
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
