"""Correct the answers of a model: the photos and their correct classes form the feedback list of the model folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fieldmark.artifact.correction import Correction
from fieldmark.artifact.feedback_list import (
    add_to_feedback,
    find_corrections,
    remove_from_feedback,
)
from fieldmark.artifact.generations import changing
from fieldmark.artifact.load import load_manifest, load_split
from fieldmark.artifact.manifest import Manifest
from fieldmark.data.feedback_photo import FEEDBACK_PHOTO
from fieldmark.data.label_names import checked_label, find_label
from fieldmark.data.photos.plain_jpeg import plain_jpeg
from fieldmark.errors import ModelError, PhotoError, printable
from fieldmark.recognizer.answer import Answer
from fieldmark.recognizer.predictor import Predictor

__all__ = ["Feedback", "add_correction", "correct", "list_feedback", "remove_feedback"]

_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Feedback:
    """A correction as it is listed. The fields are those of ``feedback --json``.

    Attributes:
        id: First 16 hex digits of the hash of the photo's content.
        photo: JPEG file in the model folder.
        name: The sender's name of the file.
        answer: The class that the model answered.
        probability: Its probability.
        unknown: Whether the model answered that the photo shows none of its classes.
        label: The correct class.
        new_class: Whether the model does not have that class.
        trained: Whether the model learned from this correction.
        made: When, ISO 8601 in UTC.
        answered_by: Number of the generation that answered.
    """

    id: str
    photo: str
    name: str
    answer: str
    probability: float
    unknown: bool | None
    label: str
    new_class: bool
    trained: bool
    made: str
    answered_by: int

    def to_dict(self) -> dict[str, Any]:
        """Return one entry of the list that ``feedback --json`` prints."""
        return asdict(self)


def correct(predictor: Predictor, photo: str | Path | bytes, label: str) -> Correction:
    """Ask a model about a photo, and add the photo with its correct class to the feedback list.

    Args:
        predictor: Of a model folder.
        photo: A file or its bytes.
        label: The correct class, one of the model's or a new one.

    Raises:
        PhotoError: The photo cannot be read.
        SettingError: The name cannot be used, or the list is full.
        ModelError: The model is an exported file.
    """
    source = photo if isinstance(photo, bytes) else Path(photo)
    (answer,) = predictor.answers([source], top_k=1)
    if answer.error is not None:
        raise PhotoError(answer.error)
    name = "" if isinstance(source, bytes) else source.name
    made, _ = add_correction(predictor, source, label, answer, name)
    return made


def add_correction(
    predictor: Predictor, photo: Path | bytes, label: str, answer: Answer, name: str
) -> tuple[Correction, Correction | None]:
    """Add a photo that was answered with its correct class to the feedback list.

    Args:
        predictor: The model that answered.
        photo: The file or its bytes.
        label: The correct class, one of the model's or a new one.
        answer: What the model answered; it has a candidate.
        name: The sender's name of the file.

    Returns:
        The correction, and the earlier one of the same photo that it replaces.

    Raises:
        PhotoError: The photo cannot be read.
        SettingError: The name cannot be used, or the list is full.
        ModelError: The model is an exported file.
    """
    if predictor.is_exported:
        raise ModelError(f"an exported file such as {predictor.path} keeps no feedback: name the model folder instead")
    wanted, content = checked_label(label), plain_jpeg(photo)
    first = answer.candidates[0]
    with changing(predictor.folder) as change:
        manifest = change.current
        assert manifest is not None
        file = change.add(FEEDBACK_PHOTO, partial(_write, content))
        correction = Correction(
            photo=file,
            label=find_label(wanted, _known_names(manifest)) or wanted,
            answer=first.label,
            probability=first.probability,
            unknown=answer.unknown,
            name=printable(name)[:_MAX_NAME],
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            answered_by=predictor.manifest.generation,
        )
        return correction, add_to_feedback(change, correction)


def list_feedback(model: str | Path) -> list[Feedback]:
    """Return the feedback list of a model folder, the newest correction first.

    Raises:
        ModelError: There is no model, or it is damaged.
    """
    folder = Path(model)
    manifest = load_manifest(folder)
    if not manifest.feedback:
        return []
    learned = {row.content for row in load_split(folder, manifest) if row.split in manifest.data.learned}
    return [_listed(manifest, one, learned) for one in reversed(manifest.feedback)]


def remove_feedback(model: str | Path, ids: Collection[str] | None = None) -> list[Correction]:
    """Remove corrections from the feedback list of a model folder, and return them.

    Args:
        model: The model folder.
        ids: Of the corrections, or their first digits; None for all.

    Raises:
        SettingError: An id names no correction, or several; nothing is removed.
    """
    folder = Path(model)
    manifest = load_manifest(folder)
    named = [one.id for one in (manifest.feedback if ids is None else find_corrections(folder, manifest, ids))]
    if not named:
        return []
    with changing(folder) as change:
        return remove_from_feedback(change, named)


def _listed(manifest: Manifest, correction: Correction, learned: Collection[str]) -> Feedback:
    return Feedback(
        id=correction.id,
        photo=correction.photo,
        name=correction.name,
        answer=correction.answer,
        probability=correction.probability,
        unknown=correction.unknown,
        label=correction.label,
        new_class=correction.label not in _classes(manifest),
        trained=manifest.checksums.get(correction.photo) in learned,
        made=correction.made,
        answered_by=correction.answered_by,
    )


def _classes(manifest: Manifest) -> list[str]:
    return [*manifest.classes, *(facts.label for facts in manifest.enrolled)]


def _known_names(manifest: Manifest) -> list[str]:
    """Return the classes of the model, and the new ones that earlier corrections named."""
    return [*_classes(manifest), *(one.label for one in manifest.feedback)]


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
