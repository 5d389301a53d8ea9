"""What `Predictor.explain` gives: maps of evidence, and where they lie on the photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fieldmark.arrays import Float64s
from fieldmark.structures import Box

__all__ = ["PhotoEvidence"]


@dataclass(frozen=True, slots=True, eq=False)
class PhotoEvidence:
    """Where in one photo the evidence for the winner lies, by itself and against another class.

    All boxes are xyxy in pixels of the upright photo. The maps cover `frame`, row 0 at the top: the value of a place is
    what it adds to the score. Scores are logits divided by the model's temperature, averaged over views and members.

    Attributes:
        path: The photo's path; None if it was given as pixels.
        label: The winner.
        against: The class that it is compared with.
        map: (h, w) contributions to the winner's score; they add up to `score` - `offset`.
        contrast: (h, w) contributions to `margin`: above 0 for the winner, below 0 for the other class.
        fine: (h', w') the contrast on a finer grid, if the backbone has one: gradient times feature in two earlier
            layers, a first-order approximation that does not add up. Otherwise `contrast` itself.
        score: The winner's.
        offset: The part of it that belongs to no place: biases.
        margin: The winner's score minus the other's.
        margin_offset: The part of that which belongs to no place.
        size: Width and height of the upright photo.
        frame: The part of the photo that the maps cover. It reaches beyond the photo if the photo was padded.
        box: Around the strongest evidence of `fine`: the connected places at least half as strong as the peak.
        peak: x and y of the strongest evidence.
        how: How the contributions were computed, one phrase for each kind of member.
        regions: The crops that the method proposed, the most informative first; empty if it proposes none.
        attention: (h', w') mean of the method's own attention maps over `frame`; None if it has none.
        object_box: Where the model found the object that it zooms in on; None if it does not zoom.
    """

    path: str | None
    label: str
    against: str
    map: Float64s
    contrast: Float64s
    fine: Float64s
    score: float
    offset: float
    margin: float
    margin_offset: float
    size: tuple[int, int]
    frame: Box
    box: Box
    peak: tuple[float, float]
    how: str
    regions: tuple[Box, ...] = ()
    attention: Float64s | None = None
    object_box: Box | None = None

    def __repr__(self) -> str:
        return f"PhotoEvidence({self.label} against {self.against}, margin {self.margin:.2f}, {self.path})"

    def _repr_html_(self) -> str:
        """Return the photo under its evidence map: warm for the winner, cold for the other class."""
        from fieldmark.notebook import card, evidence_picture

        picture = evidence_picture(self.path, self.fine, self.frame, self.box, self.size)
        return card(f"{self.label} against {self.against}", notes=[self.how], svg=picture)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``explain --json`` prints and ``explain.json`` holds; maps as lists of rows."""
        return {
            "path": self.path,
            "label": self.label,
            "against": self.against,
            "score": self.score,
            "offset": self.offset,
            "margin": self.margin,
            "margin_offset": self.margin_offset,
            "how": self.how,
            "width": self.size[0],
            "height": self.size[1],
            "frame": list(self.frame),
            "box": list(self.box),
            "peak": list(self.peak),
            "object_box": None if self.object_box is None else list(self.object_box),
            "regions": [list(region) for region in self.regions],
            "map": _rows(self.map),
            "contrast": _rows(self.contrast),
            "fine": _rows(self.fine),
            "attention": None if self.attention is None else _rows(self.attention),
        }


def _rows(values: Float64s) -> list[list[float]]:
    """Seven significant digits: enough to add up, short enough to read."""
    return [[float(f"{value:.7g}") for value in row] for row in values]
