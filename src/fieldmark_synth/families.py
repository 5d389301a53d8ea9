"""The families: silhouettes, beaks and plumage colours; and the names of genera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["FAMILIES", "GENUS_NAMES", "Family", "Silhouette"]


@dataclass(frozen=True, slots=True)
class Silhouette:
    """Proportions of a bird in body units; a bird is about 1.8 units long from beak to tail.

    Attributes:
        length: Half-length of the body.
        depth: Half-depth of the body.
        head: Radius of the head.
        neck: Distance from the shoulder to the centre of the head.
        legs: Height of the belly above the perch.
        tail: Length of the tail beyond the rump.
        tail_width: Half-width of the tail at its tip.
        beak: Factor for the length of the beak.
        upright: Angle between body and horizontal, in degrees.
        cock: Angle between tail and body, in degrees; positive is up.
        primaries: Length of the folded wing tip beyond the rump, in body half-lengths.
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
    """A family: its silhouette, and the beak forms and colours of its genera."""

    name: str
    noun: str
    silhouette: Silhouette
    beaks: tuple[str, ...]
    uppers: tuple[str, ...]
    unders: tuple[str, ...]


_COLOURS = """\
plural      noun       beaks                  uppers                     unders
Finches     Finch      conical,hooked,slender olive,umber,moss,russet    cream,lemon,buff,white
Warblers    Warbler    slender,curved,conical olive,moss,slate,ochre     lemon,white,cream,pearl
Thrushes    Thrush     slender,dagger,hooked  umber,slate,charcoal,olive cream,buff,peach,white
Tits        Tit        conical,slender,hooked cobalt,slate,moss,ash      lemon,white,buff,peach
Flycatchers Flycatcher slender,hooked,dagger  ash,teal,umber,cobalt      white,peach,pearl,lemon
Wagtails    Wagtail    slender,dagger,curved  ash,slate,charcoal,olive   white,lemon,pearl,cream
Sandpipers  Sandpiper  dagger,curved,slender  ochre,ash,umber,russet     white,cream,pearl,buff
Shrikes     Shrike     hooked,dagger,conical  slate,russet,ash,plum      white,pearl,peach,cream
Wrens       Wren       slender,curved,dagger  russet,umber,ochre,plum    buff,cream,peach,pearl
Starlings   Starling   dagger,slender,curved  plum,teal,cobalt,charcoal  pearl,lemon,peach,buff
"""

_SHAPES = """\
plural      length depth head  neck legs tail tail_width beak upright cock primaries
Finches     0.47   0.315 0.245 0.22 0.17 0.52 0.13       0.95 28      4    0.15
Warblers    0.46   0.265 0.215 0.25 0.2  0.54 0.11       0.95 20      0    0.15
Thrushes    0.5    0.32  0.23  0.27 0.27 0.5  0.13       1.05 34      -4   0.2
Tits        0.43   0.315 0.265 0.17 0.17 0.46 0.1        0.85 24      2    0.1
Flycatchers 0.45   0.275 0.255 0.21 0.16 0.5  0.12       1    46      -6   0.3
Wagtails    0.44   0.25  0.205 0.25 0.26 0.62 0.085      0.95 8       3    0.05
Sandpipers  0.48   0.275 0.195 0.38 0.44 0.28 0.1        1.45 14      -4   0.35
Shrikes     0.47   0.29  0.25  0.23 0.19 0.66 0.12       0.95 36      -5   0.15
Wrens       0.43   0.32  0.235 0.18 0.2  0.38 0.1        0.95 10      52   0.02
Starlings   0.52   0.295 0.215 0.28 0.24 0.4  0.13       1.2  30      -8   0.35
"""


def _rows(table: str) -> list[list[str]]:
    """Return the cells of a table without its header."""
    return [line.split() for line in table.splitlines()[1:]]


FAMILIES: Final = tuple(
    Family(name, noun, Silhouette(*map(float, shape)), *(tuple(cell.split(",")) for cell in colours))
    for (name, noun, *colours), (_, *shape) in zip(_rows(_COLOURS), _rows(_SHAPES), strict=True)
)

_GENERA = """
Birch Bramble Copse Delta Fern Glen Gorse Harbour Heather Hollow Juniper Lagoon Larch Mistral Moss Quarry Saltpan
Spruce Tarn Thistle Vale
"""

GENUS_NAMES: Final = tuple(_GENERA.split())
