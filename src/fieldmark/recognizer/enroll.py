"""Enroll a class into a trained model from a few photos, and take it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.arrays import Float32s, Floats
from fieldmark.artifact.gallery import GalleryRow
from fieldmark.artifact.generations import changing
from fieldmark.data.label_names import checked_label, find_label
from fieldmark.errors import DataError, ModelError, SettingError, unknown_name
from fieldmark.openset.enrolled_classes import EnrolledClass, enrolled_odds
from fieldmark.openset.unknown_scores import OpenSetFeatures
from fieldmark.recognizer.known_photo import enrolled_path
from fieldmark.recognizer.open_set_outputs import open_set_features
from fieldmark.recognizer.predictor import Predictor

__all__ = ["Enrolment", "enroll", "unenroll"]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Effects of an enrolment.

    Attributes:
        label: Name of the class.
        photos: Number of photos that it was enrolled from.
        val_photos: Number of stored val photos of the trained classes that the effects were measured on.
        accuracy_before: Accuracy on them before.
        accuracy_after: Accuracy on them after.
        taken: Trained class -> its val photos that the new class now takes.
        nearest: Trained class -> the new class's photos that are nearest to it; look-alikes come first.
        own_found: Share of the new class's photos that its other photos would assign to it; None for a single photo.
    """

    label: str
    photos: int
    val_photos: int
    accuracy_before: float | None
    accuracy_after: float | None
    taken: dict[str, int]
    nearest: dict[str, int]
    own_found: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``enroll --json`` prints."""
        return asdict(self)


def enroll(model: str | Path, label: str, photos: Sequence[str | Path]) -> Enrolment:
    """Add a class from its photos. If anything fails, the model does not change.

    Args:
        model: The model folder.
        label: Name of the new class.
        photos: One to five of them, or more.

    Raises:
        SettingError: The name is empty or cannot be shown, or the model already has a class that looks so named.
        DataError: There are no photos, or one cannot be read.
        ModelError: The model has no open-set state or no gallery, or was made from too few photos to estimate what a
            new class would cost.
    """
    folder, name = Path(model), checked_label(label)
    with changing(folder) as change:
        recognizer = Predictor(folder)
        _check_new(recognizer, name, photos)
        gallery = recognizer.gallery
        seen = _features(recognizer, photos)
        outcome, vectors = _effects(recognizer, name, seen), np.asarray(seen.vectors, dtype=np.float32)
        file = change.add("enrolled.safetensors", partial(_write_vectors, name, vectors))
        rows = [GalleryRow(enrolled_path(recognizer, Path(photo)), name, "enrolled") for photo in photos]
        facts = EnrolledClass(label=name, photos=len(photos), file=file)
        manifest = recognizer.manifest
        update = {
            "enrolled": [*manifest.enrolled, facts],
            "gallery": gallery.add(rows, vectors),
            "checksums": manifest.checksums | change.checksums,
        }
        change.commit(manifest.model_copy(update=update), f"enroll '{name}' from {len(photos)} photo(s)")
    return outcome


def unenroll(model: str | Path, label: str) -> None:
    """Remove an enrolled class. The answers are then exactly those from before it was enrolled.

    Raises:
        SettingError: There is no enrolled class with that name.
    """
    folder = Path(model)
    with changing(folder) as change:
        recognizer = Predictor(folder)
        manifest = recognizer.manifest
        name = find_label(label, recognizer.classes) or label
        if name in manifest.classes:
            raise SettingError(f"'{name}' was trained, not enrolled: to remove it, fit the model without its photos")
        if not recognizer.open_set.labels:
            raise SettingError(f"the model {folder} has no enrolled classes, so '{name}' cannot be unenrolled")
        if name not in recognizer.open_set.labels:
            raise unknown_name("enrolled class", name, recognizer.open_set.labels)
        kept = [facts for facts in manifest.enrolled if facts.label != name]
        removed = {facts.file for facts in manifest.enrolled} - {facts.file for facts in kept}
        update = {
            "enrolled": kept,
            "gallery": recognizer.gallery.remove(name),
            "checksums": {file: value for file, value in manifest.checksums.items() if file not in removed},
        }
        change.commit(manifest.model_copy(update=update), f"unenroll '{name}'")


def _check_new(recognizer: Predictor, name: str, photos: Sequence[str | Path]) -> None:
    if (same := find_label(name, recognizer.classes)) is not None:
        raise SettingError(f"the model already has a class '{same}'; choose another name, or unenroll it first")
    if not photos:
        raise DataError(f"expected photos of '{name}', but got none; one to five are enough")
    if recognizer.manifest.open_set_state and not recognizer.manifest.enrolment_gates:
        raise ModelError(
            f"the model {recognizer.folder} was made from too few photos to estimate what a new class would cost; "
            "fit it again with at least two classes of two photos"
        )


def _features(recognizer: Predictor, photos: Sequence[str | Path]) -> OpenSetFeatures:
    features, _, errors = open_set_features(recognizer, [Path(photo) for photo in photos], "enrolling")
    if errors:
        first = errors[min(errors)]
        raise DataError(
            f"{len(errors)} of {len(photos)} photos cannot be read ({first}); leave them out, nothing was changed"
        )
    return features


def _effects(recognizer: Predictor, name: str, seen: OpenSetFeatures) -> Enrolment:
    vectors = np.asarray(seen.vectors, dtype=np.float32)
    state, gates = recognizer.open_set.state, recognizer.manifest.enrolment_gates
    gaussians, val, classes = state.gaussians, state.val, recognizer.manifest.classes
    before: Floats = np.zeros(len(val.labels))
    if recognizer.manifest.enrolled:
        before = enrolled_odds(val.vectors, *recognizer.open_set.enrolled_means, gaussians, gates).max(1)
    own = enrolled_odds(val.vectors, vectors.mean(0, keepdims=True), [len(vectors)], gaussians, gates)[:, 0]
    correct = val.answers == val.labels
    was_correct, is_taken = correct & (before <= val.confidence), own > np.maximum(before, val.confidence)
    taken = Counter(classes[label] for label in val.labels[is_taken])
    nearest = Counter(classes[label] for label in gaussians.distances(vectors).argmin(1))
    return Enrolment(
        label=name,
        photos=len(vectors),
        val_photos=len(val.labels),
        accuracy_before=float(was_correct.mean()) if len(correct) else None,
        accuracy_after=float((was_correct & ~is_taken).mean()) if len(correct) else None,
        taken=dict(taken.most_common()),
        nearest=dict(nearest.most_common()),
        own_found=_own_found(recognizer, vectors, seen.probabilities.max(1)),
    )


def _own_found(recognizer: Predictor, vectors: Float32s, confidence: Floats) -> float | None:
    """Return the share of photos that the mean of the others takes from the best trained class."""
    count = len(vectors)
    if count < 2:
        return None
    gaussians, gates = recognizer.open_set.state.gaussians, recognizer.manifest.enrolment_gates
    others = (vectors.sum(0) - vectors) / (count - 1)
    odds = [
        enrolled_odds(vectors[i : i + 1], others[i : i + 1], [count - 1], gaussians, gates)[0, 0] for i in range(count)
    ]
    return float(np.mean(np.array(odds) > confidence))


def _write_vectors(name: str, vectors: Float32s, path: Path) -> None:
    """Write the vectors; the name of the class makes the content, and so the file, the class's own."""
    from safetensors.numpy import save_file

    save_file({"vectors": vectors}, path, {"label": name})
