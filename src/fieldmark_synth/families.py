"""The invented families: their silhouettes, beaks and plumage colours, and the names of their genera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["FAMILIES", "GENUS_NAMES", "Family", "Silhouette"]


@dataclass(frozen=True, slots=True)
class Silhouette:
    """Proportions of a bird in body units (a bird from beak to tail is about 1.8 units long).

    Attributes:
        length: Half-length of the body.
        depth: Half-depth of the body.
        head: Radius of the head.
        neck: Distance from shoulder to the middle of the head.
        legs: Height of the belly above the perch.
        tail: Length of the tail beyond the rump.
        tail_width: Half-width of the tail at its tip.
        beak: Factor on the beak's length.
        upright: Angle of the body to the horizontal in degrees.
        cock: Angle of the tail to the body in degrees, up is positive.
        primaries: How far the folded wing tip reaches beyond the rump, in body half-lengths.
    """

    length: float
    depth: float
    head: float
    neck: float
    legs: float
    tail: float
    tail_width: float
    beak: float
    upright: float
    cock: float
    primaries: float


@dataclass(frozen=True, slots=True)
class Family:
    """A family: one silhouette, the beak forms and colours that its genera choose from."""

    name: str
    noun: str
    silhouette: Silhouette
    beaks: tuple[str, ...]
    uppers: tuple[str, ...]
    unders: tuple[str, ...]


FAMILIES: Final = (
    Family(
        "Finches",
        "Finch",
        Silhouette(0.47, 0.315, 0.245, 0.22, 0.17, 0.52, 0.13, 0.95, 28, 4, 0.15),
        ("conical", "hooked", "slender"),
        ("olive", "umber", "moss", "russet"),
        ("cream", "lemon", "buff", "white"),
    ),
    Family(
        "Warblers",
        "Warbler",
        Silhouette(0.46, 0.265, 0.215, 0.25, 0.20, 0.54, 0.11, 0.95, 20, 0, 0.15),
        ("slender", "curved", "conical"),
        ("olive", "moss", "slate", "ochre"),
        ("lemon", "white", "cream", "pearl"),
    ),
    Family(
        "Thrushes",
        "Thrush",
        Silhouette(0.50, 0.320, 0.230, 0.27, 0.27, 0.50, 0.13, 1.05, 34, -4, 0.20),
        ("slender", "dagger", "hooked"),
        ("umber", "slate", "charcoal", "olive"),
        ("cream", "buff", "peach", "white"),
    ),
    Family(
        "Tits",
        "Tit",
        Silhouette(0.43, 0.315, 0.265, 0.17, 0.17, 0.46, 0.10, 0.85, 24, 2, 0.10),
        ("conical", "slender", "hooked"),
        ("cobalt", "slate", "moss", "ash"),
        ("lemon", "white", "buff", "peach"),
    ),
    Family(
        "Flycatchers",
        "Flycatcher",
        Silhouette(0.45, 0.275, 0.255, 0.21, 0.16, 0.50, 0.12, 1.00, 46, -6, 0.30),
        ("slender", "hooked", "dagger"),
        ("ash", "teal", "umber", "cobalt"),
        ("white", "peach", "pearl", "lemon"),
    ),
    Family(
        "Wagtails",
        "Wagtail",
        Silhouette(0.44, 0.250, 0.205, 0.25, 0.26, 0.62, 0.085, 0.95, 8, 3, 0.05),
        ("slender", "dagger", "curved"),
        ("ash", "slate", "charcoal", "olive"),
        ("white", "lemon", "pearl", "cream"),
    ),
    Family(
        "Sandpipers",
        "Sandpiper",
        Silhouette(0.48, 0.275, 0.195, 0.38, 0.44, 0.28, 0.10, 1.45, 14, -4, 0.35),
        ("dagger", "curved", "slender"),
        ("ochre", "ash", "umber", "russet"),
        ("white", "cream", "pearl", "buff"),
    ),
    Family(
        "Shrikes",
        "Shrike",
        Silhouette(0.47, 0.290, 0.250, 0.23, 0.19, 0.66, 0.12, 0.95, 36, -5, 0.15),
        ("hooked", "dagger", "conical"),
        ("slate", "russet", "ash", "plum"),
        ("white", "pearl", "peach", "cream"),
    ),
    Family(
        "Wrens",
        "Wren",
        Silhouette(0.43, 0.320, 0.235, 0.18, 0.20, 0.38, 0.10, 0.95, 10, 52, 0.02),
        ("slender", "curved", "dagger"),
        ("russet", "umber", "ochre", "plum"),
        ("buff", "cream", "peach", "pearl"),
    ),
    Family(
        "Starlings",
        "Starling",
        Silhouette(0.52, 0.295, 0.215, 0.28, 0.24, 0.40, 0.13, 1.20, 30, -8, 0.35),
        ("dagger", "slender", "curved"),
        ("plum", "teal", "cobalt", "charcoal"),
        ("pearl", "lemon", "peach", "buff"),
    ),
)

GENUS_NAMES: Final = (
    "Birch",
    "Bramble",
    "Copse",
    "Delta",
    "Fern",
    "Glen",
    "Gorse",
    "Harbour",
    "Heather",
    "Hollow",
    "Juniper",
    "Lagoon",
    "Larch",
    "Mistral",
    "Moss",
    "Quarry",
    "Saltpan",
    "Spruce",
    "Tarn",
    "Thistle",
    "Vale",
)
