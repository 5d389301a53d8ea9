"""``fieldmark.json``: everything of a model that is not a tensor."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fieldmark.artifact.gallery import GalleryFacts
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.member_spec import MemberSpec
from fieldmark.openset.enrolled_classes import EnrolledClass, EnrolmentGate
from fieldmark.openset.unknown_scores import UnknownThreshold
from fieldmark.uncertainty.guarantees import GuaranteeFacts
from fieldmark.uncertainty.taxonomy import Hierarchy

__all__ = ["FORMAT", "MANIFEST", "DataFacts", "Manifest", "MemberFacts"]

MANIFEST = "fieldmark.json"

FORMAT = 2
"""Version of the folder's layout. It is raised when old versions of Fieldmark could not read the folder.

In format 1 files had fixed names, such as ``split.csv``. It is still read, and changed in place.
"""


class MemberFacts(MemberSpec):
    """One method of the model, and its files in the folder.

    Attributes:
        graph: ONNX file.
        weights: safetensors file.
    """

    graph: str
    weights: str


class DataFacts(BaseModel):
    """The data that the model was trained on.

    Attributes:
        source: Absolute path of DATA; ``evaluate`` reads the test photos from there.
        layout: Name of the reader.
        fingerprint: Hash of contents, labels and splits of all photos.
        photos: Split -> number of photos.
        learned: Splits whose photos the model learned from.
        left_out: Number of photos that could not be used.
        options: The options of `fieldmark.data.read.read` that `source` was read with, such as its columns.
    """

    model_config = ConfigDict(extra="allow")

    source: str
    layout: str
    fingerprint: str
    photos: dict[str, int]
    learned: list[str] = Field(default_factory=lambda: ["train"])
    left_out: int = 0
    options: dict[str, str | list[str]] = Field(default_factory=dict)

    @property
    def num_learned(self) -> int:
        """Number of photos that the model learned from."""
        return sum(self.photos.get(split, 0) for split in self.learned)


class Manifest(BaseModel):
    """The whole description. Unknown keys are kept, so that newer versions of Fieldmark can add some.

    Three attributes have other names in the file: ``trust``, ``memory`` and ``gates``.

    Attributes:
        format: See `FORMAT`.
        fieldmark: Version that wrote it.
        method: Name of the method as the user gave it.
        classes: Class names in the order of the logits.
        ranks: Names of the taxonomy levels, coarsest first.
        taxonomy: Class -> names of its ancestors, coarsest first.
        members: Methods that answer together.
        data: The data that the model was trained on.
        settings: Settings of the fit.
        calibration: ``val_photos``, ``ece_before``, ``ece_after``, ``nll_before``, ``nll_after``.
        figures: ``estimate`` (cross-validated accuracy that guided the choices), ``val_top1`` and
            ``out_of_fold_top1``. Where the model learned from val, ``val_top1`` is out of fold, too.
        steps: Log of the fit, line by line.
        advice: What limits the accuracy, and what to try next; empty in models of old versions.
        versions: Library -> version.
        checksums: File -> blake2b of its content.
        scaling: Scaling of the fused logits; None where the members' temperatures are enough.
        guarantees: The calibration set; None in models of old versions.
        open_set_state: safetensors file of `OpenSetState`; None in models of old versions.
        unknown: How photos of none of the classes are detected; None without val photos.
        enrolment_gates: How enrolled classes compete, by the number of their photos.
        gallery: The known photos.
        enrolled: Classes that were added after training; they follow `classes` in the order of the probabilities.
        split_file: CSV with the split of each photo.
        val_logits: safetensors file of `ValLogits`, where the model learned from val; None otherwise.
        generation: Number of this state of the folder; each change adds 1.
        made: When this generation was made, ISO 8601 in UTC; empty in models of old versions.
        change: What changed, in words.
    """

    model_config = ConfigDict(extra="allow", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

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
    advice: list[str] = Field(default_factory=list)
    versions: dict[str, str] = Field(default_factory=dict)
    checksums: dict[str, str] = Field(default_factory=dict)
    scaling: LogitScaling | None = None
    guarantees: GuaranteeFacts | None = Field(None, alias="trust")
    open_set_state: str | None = Field(None, alias="memory")
    unknown: UnknownThreshold | None = None
    enrolment_gates: list[EnrolmentGate] = Field(default_factory=list, alias="gates")
    gallery: GalleryFacts | None = None
    enrolled: list[EnrolledClass] = Field(default_factory=list)
    split_file: str = "split.csv"
    val_logits: str | None = None
    generation: int = Field(1, ge=1)
    made: str = ""
    change: str = "fit"

    def hierarchy(self) -> Hierarchy:
        """Return the classes and their ancestors; enrolled classes have no ancestors."""
        return Hierarchy((*self.classes, *(facts.label for facts in self.enrolled)), self.ranks, self.taxonomy)
