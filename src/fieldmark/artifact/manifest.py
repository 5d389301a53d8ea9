"""``fieldmark.json``: everything of a model that is not a tensor."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fieldmark.calibration.trust_facts import ScalingFacts, TrustFacts
from fieldmark.member_spec import MemberSpec
from fieldmark.openset.openset_facts import EnrolledFacts, GalleryFacts, Gate, UnknownFacts

__all__ = ["FORMAT", "DataFacts", "Manifest", "MemberFacts"]

FORMAT = 1
"""Version of the folder's layout. Raised when an older Fieldmark could not read it."""


class MemberFacts(MemberSpec):
    """One method of the model, and its files in the folder.

    Attributes:
        graph: ONNX file.
        weights: safetensors file.
    """

    graph: str
    weights: str


class DataFacts(BaseModel):
    """What the model was trained on.

    Attributes:
        source: The DATA that was given, absolute; where ``evaluate`` looks for the test photos.
        layout: Name of the reader.
        fingerprint: Of contents, labels and splits of all photos.
        photos: Split -> number.
        left_out: Photos that could not be used.
    """

    model_config = ConfigDict(extra="allow")

    source: str
    layout: str
    fingerprint: str
    photos: dict[str, int]
    left_out: int = 0


class Manifest(BaseModel):
    """The whole description. Unknown keys are kept, so that a newer Fieldmark may add some.

    Attributes:
        format: See `FORMAT`.
        fieldmark: Version that wrote it.
        method: As the user named it.
        classes: In the order of the logits.
        ranks: Names of the taxonomy levels, coarsest first.
        taxonomy: Class -> names of its ancestors, coarsest first.
        members: Methods that answer together.
        data: What it was trained on.
        settings: Of the fit.
        calibration: ``val_photos``, ``ece_before``, ``ece_after``, ``nll_before``, ``nll_after``.
        figures: ``estimate`` (what the choices were made by) and ``val_top1``.
        steps: The account of the fit, line by line.
        versions: Library -> version.
        checksums: File -> blake2b of its content.
        scaling: What follows the members' temperatures; None for nothing.
        trust: What held-out photos vouch for; None in models of older versions.
        memory: safetensors file of what is remembered of the photos; None in models of older versions.
        unknown: How a photo of none of the classes is told; None without val photos.
        gates: How newcomers compete, by the number of their photos.
        gallery: The known photos.
        enrolled: Classes that joined after training, behind `classes` in the order of the probabilities.
    """

    model_config = ConfigDict(extra="allow")

    format: int = FORMAT
    fieldmark: str
    method: str
    classes: list[str] = Field(min_length=2)
    ranks: list[str] = Field(default_factory=list)
    taxonomy: dict[str, list[str]] = Field(default_factory=dict)
    members: list[MemberFacts] = Field(min_length=1)
    data: DataFacts
    settings: dict[str, Any]
    calibration: dict[str, float] = Field(default_factory=dict)
    figures: dict[str, float | None] = Field(default_factory=dict)
    steps: list[str] = Field(default_factory=list)
    versions: dict[str, str] = Field(default_factory=dict)
    checksums: dict[str, str] = Field(default_factory=dict)
    scaling: ScalingFacts | None = None
    trust: TrustFacts | None = None
    memory: str | None = None
    unknown: UnknownFacts | None = None
    gates: list[Gate] = Field(default_factory=list)
    gallery: GalleryFacts | None = None
    enrolled: list[EnrolledFacts] = Field(default_factory=list)
