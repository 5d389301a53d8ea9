"""Everything that a fit made, and its description for the manifest."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fieldmark.artifact.linear_heads import LinearHeads
from fieldmark.artifact.manifest import FORMAT, PLAIN_FORMAT, DataFacts, Manifest, MemberFacts
from fieldmark.artifact.question_facts import QuestionFacts
from fieldmark.calibration.calibrate import Calibration
from fieldmark.data.asked_photos import AskedPhotos
from fieldmark.data.prepare import Prepared
from fieldmark.methods.settings_base import FitSettings
from fieldmark.openset.enrolled_classes import EnrolledClass
from fieldmark.openset.fit_openset import FittedOpenSet
from fieldmark.training.member import Trained
from fieldmark.uncertainty.certify import Certificate

__all__ = ["FittedModel", "FittedQuestion", "ModelFiles", "QuestionFiles"]

_LIBRARIES = ("torch", "timm", "onnxruntime", "scikit-learn", "numpy", "pillow")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Names of the files that were written for a model.

    Attributes:
        graphs: ONNX file of each member.
        weights: safetensors file of each member.
        split: CSV with the split of each photo.
        tables: safetensors file of the calibration set's results.
        open_set: safetensors file of the open-set state.
        val_logits: safetensors file of the members' val logits; None where the graphs can compute them.
        checksums: File -> blake2b of its content.
    """

    graphs: Sequence[str]
    weights: Sequence[str]
    split: str
    tables: str
    open_set: str
    val_logits: str | None
    checksums: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class QuestionFiles:
    """Names of the files that were written for a further question: heads, calibration set, open-set state."""

    heads: str
    tables: str
    open_set: str


@dataclass(frozen=True, slots=True)
class FittedQuestion:
    """The results of the steps of a fit for a further question.

    Attributes:
        asked: Its photos.
        heads: Its heads, one for each member.
        calibration: Temperatures and scaling.
        certificate: Guarantees.
        open_set: State of the open-set classifier.
    """

    asked: AskedPhotos
    heads: LinearHeads
    calibration: Calibration
    certificate: Certificate
    open_set: FittedOpenSet

    def facts(self, files: QuestionFiles) -> QuestionFacts:
        """Describe the question for the manifest."""
        records = self.asked.photos.records
        return QuestionFacts(
            name=self.asked.name,
            classes=list(records.classes),
            heads=files.heads,
            temperatures=[member.temperature for member in self.calibration.members],
            photos={split: sum(record.split == split for record in records) for split in ("train", "val", "test")},
            unlabelled=self.asked.unlabelled,
            left_out=self.asked.left_out,
            calibration=self.calibration.figures,
            figures=_accuracies(self.calibration),
            scaling=self.calibration.scaling,
            guarantees=self.certificate.facts.model_copy(update={"file": files.tables}),
            open_set_state=files.open_set,
            unknown=self.open_set.threshold,
        )


@dataclass(frozen=True, slots=True)
class FittedModel:
    """The results of the steps of a fit.

    Attributes:
        settings: Settings of the fit.
        prepared: Photos and findings.
        trained: Members, and the log of their training.
        calibration: Temperatures and scaling.
        certificate: Guarantees.
        open_set: State of the open-set classifier, and vectors for the gallery.
        advice: What limits the accuracy, and what to try next.
        questions: Further questions.
    """

    settings: FitSettings
    prepared: Prepared
    trained: Trained
    calibration: Calibration
    certificate: Certificate
    open_set: FittedOpenSet
    advice: Sequence[str] = ()
    questions: Sequence[FittedQuestion] = ()

    def manifest(
        self, files: ModelFiles, enrolled: Sequence[EnrolledClass], questions: Sequence[QuestionFiles] = ()
    ) -> Manifest:
        """Describe the model with the enrolled classes that it takes over; its gallery is written last."""
        photos, zooms = self.prepared.photos, any(member.zoom for member in self.calibration.members)
        return Manifest(
            format=FORMAT if self.questions or zooms else PLAIN_FORMAT,
            fieldmark=importlib.metadata.version("fieldmark"),
            method=self.settings.method,
            classes=list(photos.classes),
            ranks=list(photos.records.ranks),
            taxonomy=photos.taxonomy,
            members=self._members(files),
            data=self._data(),
            settings=self.settings.model_dump(mode="json"),
            calibration=self.calibration.figures,
            figures={"estimate": self.trained.estimate, **_accuracies(self.calibration)},
            steps=self.trained.steps,
            advice=list(self.advice),
            versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
            checksums=dict(files.checksums),
            scaling=self.calibration.scaling,
            guarantees=self.certificate.facts.model_copy(update={"file": files.tables}),
            open_set_state=files.open_set,
            unknown=self.open_set.threshold,
            enrolment_gates=self.open_set.gates,
            enrolled=list(enrolled),
            split_file=files.split,
            val_logits=files.val_logits,
            label_name=photos.records.label_name if self.questions else "label",
            questions=[each.facts(own) for each, own in zip(self.questions, questions, strict=True)],
        )

    def _members(self, files: ModelFiles) -> list[MemberFacts]:
        return [
            MemberFacts(**dict(spec), graph=graph, weights=weights)
            for spec, graph, weights in zip(self.calibration.members, files.graphs, files.weights, strict=True)
        ]

    def _data(self) -> DataFacts:
        records = self.prepared.photos.records
        return DataFacts(
            source=records.root.name if records.root else "",
            layout=records.name,
            fingerprint=self.prepared.photos.fingerprint,
            photos={split: sum(record.split == split for record in records) for split in ("train", "val", "test")},
            learned=["train", "val"] if self.trained.learned_val else ["train"],
            left_out=len(self.prepared.left_out),
            options=dict(records.options),
            corrections=self.prepared.corrections,
        )


def _accuracies(calibration: Calibration) -> dict[str, float | None]:
    return {
        "val_top1": calibration.top1,
        "out_of_fold_top1": calibration.out_of_fold_top1,
        "val_mean_class": calibration.mean_class,
        "out_of_fold_mean_class": calibration.out_of_fold_mean_class,
    }
