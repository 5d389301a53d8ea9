"""What the page shows of each class and each pair, ready for the template."""

from __future__ import annotations

from dataclasses import dataclass

from fieldmark.data.photos.thumbnails import Thumbnail
from fieldmark.guide.evidence_parts import PartShare
from fieldmark.guide.look_alikes import Pair

__all__ = ["ClassView", "LookAlikeView", "PhotoView", "PlateView", "Ring", "SideView"]


@dataclass(frozen=True, slots=True)
class Ring:
    """The outline of the strongest evidence, as shares of the photo's width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PhotoView:
    """A photo with its file's name; with the ring around its evidence where there is one."""

    picture: Thumbnail
    name: str
    ring: Ring | None = None


@dataclass(frozen=True, slots=True)
class SideView:
    """One class of a pair.

    Attributes:
        label: The class.
        name: And its name.
        photos: Its photos with their evidence, or its typical ones where it is never told rightly.
        explained: Whether they carry evidence.
        close_ups: What lies inside of the rings, of all photos that were explained.
        mistaken: Photos of it that are called the other.
        called: How many there are.
        asked: Of how many.
    """

    label: int
    name: str
    photos: tuple[PhotoView, ...]
    explained: bool
    close_ups: tuple[Thumbnail, ...]
    mistaken: tuple[PhotoView, ...]
    called: int
    asked: int


@dataclass(frozen=True, slots=True)
class PlateView:
    """A pair with its photos and with what tells it apart."""

    pair: Pair
    anchor: str
    sides: tuple[SideView, SideView]
    sentence: str
    parts: tuple[PartShare, ...]


@dataclass(frozen=True, slots=True)
class LookAlikeView:
    """A look-alike of a class: its name, where to read on, and how many photos are called so."""

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
    learned: int
    asked: int
    right: int
    look_alikes: tuple[LookAlikeView, ...]
    advice: tuple[str, ...]
