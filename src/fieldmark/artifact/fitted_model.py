"""Everything that a fit made, and its description for the manifest."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from fieldmark.artifact.manifest import DataFacts, Manifest, MemberFacts
from fieldmark.calibration.calibrate import Calibration
from fieldmark.data.prepare import Prepared
from fieldmark.methods.settings_base import FitSettings
from fieldmark.openset.fit_openset import FittedOpenSet
from fieldmark.openset.open_set_state import OPEN_SET_FILE
from fieldmark.training.member import Trained
from fieldmark.uncertainty.certify import Certificate

__all__ = ["FittedModel"]

_LIBRARIES = ("torch", "timm", "onnxruntime", "scikit-learn", "numpy", "pillow")


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
    """

    settings: FitSettings
    prepared: Prepared
    trained: Trained
    calibration: Calibration
    certificate: Certificate
    open_set: FittedOpenSet

    def manifest(self, checksums: dict[str, str]) -> Manifest:
        """Describe the model, all but its gallery, which is written last.

        Args:
            checksums: File -> blake2b of its content.
        """
        photos = self.prepared.photos
        return Manifest(
            fieldmark=importlib.metadata.version("fieldmark"),
            method=self.settings.method,
            classes=list(photos.classes),
            ranks=list(photos.records.ranks),
            taxonomy=photos.taxonomy,
            members=self.members,
            data=self._data(),
            settings=self.settings.model_dump(mode="json"),
            calibration=self.calibration.figures,
            figures={"estimate": self.trained.estimate, "val_top1": self.calibration.top1},
            steps=self.trained.steps,
            versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
            checksums=checksums,
            scaling=self.calibration.scaling,
            guarantees=self.certificate.facts,
            open_set_state=OPEN_SET_FILE,
            unknown=self.open_set.threshold,
            enrolment_gates=self.open_set.gates,
        )

    @property
    def members(self) -> list[MemberFacts]:
        """The members with names for their files."""
        return [
            MemberFacts(**dict(spec), graph=f"model-{index}.onnx", weights=f"weights-{index}.safetensors")
            for index, spec in enumerate(self.calibration.members)
        ]

    def _data(self) -> DataFacts:
        records = self.prepared.photos.records
        return DataFacts(
            source=str(records.root.absolute()) if records.root else "",
            layout=records.name,
            fingerprint=self.prepared.photos.fingerprint,
            photos={split: sum(record.split == split for record in records) for split in ("train", "val", "test")},
            left_out=len(self.prepared.left_out),
            options=dict(records.options),
        )
