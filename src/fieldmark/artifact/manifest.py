"""``fieldmark.json``: everything of a model that is not a tensor."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from fieldmark.artifact.class_names import ClassNames
from fieldmark.artifact.correction import MAX_CORRECTIONS, Correction
from fieldmark.artifact.gallery import GalleryFacts
from fieldmark.artifact.question_facts import QuestionFacts
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.errors import unknown_name
from fieldmark.file_name import FileName
from fieldmark.member_spec import MemberSpec
from fieldmark.openset.enrolled_classes import EnrolledClass, EnrolmentGate
from fieldmark.openset.unknown_scores import UnknownThreshold
from fieldmark.uncertainty.guarantees import GuaranteeFacts
from fieldmark.uncertainty.taxonomy import Hierarchy

__all__ = ["FORMAT", "MANIFEST", "PLAIN_FORMAT", "DataFacts", "Manifest", "MemberFacts"]

MANIFEST = "fieldmark.json"

_MOST_RANKS = 64

FORMAT = 3
"""Version of the folder's layout. It is raised when old versions of Fieldmark could not read the folder.

In format 1 files had fixed names, such as ``split.csv``. It is still read, and changed in place.
"""

PLAIN_FORMAT = 2
"""Version that a model is written in that neither answers several questions nor zooms: formats 2 and 3 are the same
then, and old versions of Fieldmark read it."""


class MemberFacts(MemberSpec):
    """One method of the model, and its files in the folder.

    Attributes:
        graph: ONNX file.
        weights: safetensors file.
    """

    graph: FileName
    weights: FileName


class DataFacts(BaseModel):
    """The data that the model was trained on.

    Attributes:
        source: Path of DATA from the model folder, or only its name; see `fieldmark.artifact.data_place`. Models of
            old versions have an absolute path.
        layout: Name of the reader.
        fingerprint: Hash of contents, labels and splits of all photos.
        photos: Split -> number of photos.
        learned: Splits whose photos the model learned from.
        left_out: Number of photos that could not be used.
        options: The options of `fieldmark.data.read.read` that `source` was read with, such as its columns.
        corrections: Number of photos of feedback lists among those of train.
    """

    model_config = ConfigDict(extra="allow")

    source: str
    layout: str
    fingerprint: str
    photos: dict[str, Annotated[int, Field(ge=0, lt=2**40)]]
    learned: list[Literal["train", "val"]] = ["train"]
    left_out: int = Field(0, ge=0, lt=2**40)
    options: dict[str, str | list[str]] = Field(default_factory=dict)
    corrections: int = Field(0, ge=0, lt=2**40)

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
            ``out_of_fold_top1``, and both with ``mean_class`` for the mean class accuracy. Where the model learned from
            val, those of val are out of fold, too.
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
        feedback: Corrections that people made, in their order; each has a photo of its own.
        split_file: CSV with the split of each photo.
        val_logits: safetensors file of `ValLogits`, where the model learned from val; None otherwise.
        generation: Number of this state of the folder; each change adds 1.
        made: When this generation was made, ISO 8601 in UTC; empty in models of old versions.
        change: What changed, in words.
        label_name: Name of the first question, which `classes` answer.
        questions: Further questions; the file names neither them nor the first one where there are none.
    """

    model_config = ConfigDict(extra="allow", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    format: int = Field(PLAIN_FORMAT, ge=1)
    fieldmark: str
    method: str
    classes: ClassNames
    ranks: list[str] = Field(default_factory=list)
    taxonomy: dict[str, list[str]] = Field(default_factory=dict)
    members: list[MemberFacts] = Field(min_length=1, max_length=64)
    data: DataFacts
    settings: dict[str, Any]
    calibration: dict[str, float] = Field(default_factory=dict)
    figures: dict[str, float | None] = Field(default_factory=dict)
    steps: list[str] = Field(default_factory=list)
    advice: list[str] = Field(default_factory=list)
    versions: dict[str, str] = Field(default_factory=dict)
    checksums: dict[FileName, str] = Field(default_factory=dict)
    scaling: LogitScaling | None = None
    guarantees: GuaranteeFacts | None = Field(None, alias="trust")
    open_set_state: FileName | None = Field(None, alias="memory")
    unknown: UnknownThreshold | None = None
    enrolment_gates: list[EnrolmentGate] = Field(default_factory=list, alias="gates")
    gallery: GalleryFacts | None = None
    enrolled: list[EnrolledClass] = Field(default_factory=list)
    feedback: list[Correction] = Field(default_factory=list, max_length=MAX_CORRECTIONS)
    split_file: FileName = "split.csv"
    val_logits: FileName | None = None
    generation: int = Field(1, ge=1, lt=2**62)
    made: str = ""
    change: str = "fit"
    label_name: str = Field("label", min_length=1, max_length=200)
    questions: list[QuestionFacts] = Field(default_factory=list, max_length=64)

    @field_validator("taxonomy")
    @classmethod
    def _of_the_classes(cls, taxonomy: dict[str, list[str]], info: ValidationInfo) -> dict[str, list[str]]:
        if taxonomy.keys() - set(info.data.get("classes", taxonomy)):
            raise ValueError("it names classes that the model does not have")
        if any(len(ancestors) > _MOST_RANKS for ancestors in taxonomy.values()):
            raise ValueError("it has too many ranks")
        return taxonomy

    @field_validator("scaling")
    @classmethod
    def _for_each_class(cls, scaling: LogitScaling | None, info: ValidationInfo) -> LogitScaling | None:
        if scaling is not None and len(scaling.scale) not in (1, len(info.data.get("classes", scaling.scale))):
            raise ValueError("it is for another number of classes")
        return scaling

    @field_validator("unknown")
    @classmethod
    def _with_state(cls, unknown: UnknownThreshold | None, info: ValidationInfo) -> UnknownThreshold | None:
        if unknown is not None and info.data.get("open_set_state") is None:
            raise ValueError("it needs the open-set state")
        return unknown

    @field_validator("enrolled")
    @classmethod
    def _can_compete(cls, enrolled: list[EnrolledClass], info: ValidationInfo) -> list[EnrolledClass]:
        labels = [facts.label for facts in enrolled]
        if len({*labels, *info.data.get("classes", ())}) < len(labels) + len(info.data.get("classes", ())):
            raise ValueError("two classes have the same name")
        if enrolled and not (info.data.get("open_set_state") and info.data.get("enrolment_gates")):
            raise ValueError("enrolled classes need the open-set state and a gate")
        return enrolled

    @field_validator("questions")
    @classmethod
    def _fit_the_members(cls, questions: list[QuestionFacts], info: ValidationInfo) -> list[QuestionFacts]:
        names = [info.data.get("label_name"), *(each.name for each in questions)]
        if len(set(names)) < len(names):
            raise ValueError("two questions have the same name")
        if any(len(each.temperatures) != len(info.data.get("members", each.temperatures)) for each in questions):
            raise ValueError("a question has heads for another number of members")
        return questions

    @model_serializer(mode="wrap")
    def _as_before_with_one_question(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialize(self)
        if not self.questions:
            content.pop("label_name", None)
            content.pop("questions", None)
        return content

    @property
    def question_names(self) -> list[str]:
        """Names of all questions, the first one first."""
        return [self.label_name, *(each.name for each in self.questions)]

    def asking(self, question: str) -> Manifest:
        """Return the description of the model as if it answered only one of its further questions.

        It has the files and figures of that question, and neither taxonomy, gallery nor enrolled classes.

        Raises:
            SettingError: There is no further question with that name.
        """
        facts = next((each for each in self.questions if each.name == question), None)
        if facts is None:
            raise unknown_name("question", question, self.question_names)
        members = [
            member.model_copy(update={"temperature": temperature})
            for member, temperature in zip(self.members, facts.temperatures, strict=True)
        ]
        return self.model_copy(
            update={
                "classes": facts.classes,
                "ranks": [],
                "taxonomy": {},
                "members": members,
                "data": self.data.model_copy(update={"photos": facts.photos}),
                "calibration": facts.calibration,
                "figures": facts.figures,
                "advice": [],
                "scaling": facts.scaling,
                "guarantees": facts.guarantees,
                "open_set_state": facts.open_set_state,
                "unknown": facts.unknown,
                "enrolment_gates": [],
                "gallery": None,
                "enrolled": [],
                "val_logits": None,
                "label_name": facts.name,
                "questions": [],
            }
        )

    @field_validator("feedback")
    @classmethod
    def _once_each(cls, feedback: list[Correction]) -> list[Correction]:
        if len({correction.photo for correction in feedback}) < len(feedback):
            raise ValueError("a photo has two corrections")
        return feedback

    def without_feedback(self) -> Manifest:
        """Return the manifest without the corrections and their photos, which belong to the people who sent them."""
        photos = {correction.photo for correction in self.feedback}
        kept = {name: value for name, value in self.checksums.items() if name not in photos}
        return self.model_copy(update={"feedback": [], "checksums": kept})

    def hierarchy(self) -> Hierarchy:
        """Return the classes and their ancestors; enrolled classes have no ancestors."""
        return Hierarchy((*self.classes, *(facts.label for facts in self.enrolled)), self.ranks, self.taxonomy)
