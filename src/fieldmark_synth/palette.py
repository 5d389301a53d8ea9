"""Named colours of plumage and bare parts, as sRGB triples in [0, 1]."""

from __future__ import annotations

from typing import Final

__all__ = ["COLOURS", "Colour", "contrast", "mix", "rgb"]

Colour = tuple[float, float, float]

COLOURS: Final[dict[str, Colour]] = {
    # upperparts
    "ash": (0.56, 0.56, 0.55),
    "charcoal": (0.25, 0.25, 0.28),
    "cobalt": (0.20, 0.38, 0.64),
    "moss": (0.36, 0.45, 0.24),
    "ochre": (0.68, 0.54, 0.34),
    "olive": (0.50, 0.49, 0.28),
    "plum": (0.42, 0.27, 0.40),
    "russet": (0.58, 0.34, 0.21),
    "slate": (0.38, 0.45, 0.55),
    "teal": (0.18, 0.45, 0.46),
    "umber": (0.43, 0.33, 0.25),
    # underparts
    "buff": (0.86, 0.71, 0.52),
    "cream": (0.93, 0.87, 0.73),
    "lemon": (0.95, 0.86, 0.45),
    "peach": (0.93, 0.71, 0.53),
    "pearl": (0.80, 0.81, 0.82),
    "white": (0.95, 0.94, 0.91),
    # marks
    "black": (0.08, 0.08, 0.09),
    "copper": (0.74, 0.36, 0.13),
    "crimson": (0.76, 0.10, 0.13),
    "gold": (0.97, 0.76, 0.14),
    "ivory": (0.93, 0.88, 0.76),
    "rose": (0.84, 0.26, 0.24),
    "scarlet": (0.87, 0.20, 0.10),
    "sky": (0.42, 0.62, 0.80),
    "yellow": (0.97, 0.78, 0.12),
}


def rgb(name: str) -> Colour:
    """Return the sRGB triple of a named colour."""
    return COLOURS[name]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; `share` is the weight of `second` in [0, 1]."""
    (r, g, b), (red, green, blue) = first, second
    return (r + (red - r) * share, g + (green - g) * share, b + (blue - b) * share)


def contrast(first: Colour, second: Colour) -> float:
    """Return the perceived difference of two colours: Euclidean distance with luma-like weights, about 0 to 1."""
    weights = (0.30, 0.50, 0.20)
    return float(sum(w * (a - b) ** 2 for w, a, b in zip(weights, first, second, strict=True)) ** 0.5)
