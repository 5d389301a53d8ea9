"""Let a class join a trained recognizer from a few photos, and take it back."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float32s
from fieldmark.artifact.card import write_card
from fieldmark.artifact.checksums import checksum
from fieldmark.artifact.manifest import Manifest
from fieldmark.artifact.save import MANIFEST
from fieldmark.atomic import atomic_file
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.errors import DataError, ModelError, SettingError, unknown_name
from fieldmark.openset.enrolled_classes import newcomer_odds
from fieldmark.openset.gallery import GalleryRow
from fieldmark.openset.openset_facts import EnrolledFacts
from fieldmark.openset.unknown_scores import Evidence
from fieldmark.recognizer.predictor import Predictor

__all__ = ["Enrolment", "enroll", "unenroll"]


_FILES = "enrolled-*.safetensors"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a newcomer changed.

    Attributes:
        label: Its name.
        photos: How many it was enrolled from.
        val_photos: Remembered val photos of the trained classes that the change was measured on.
        accuracy_before: Share of them that were answered right.
        accuracy_after: The same with the newcomer.
        taken: Trained class -> its val photos that are now taken for the newcomer.
        nearest: Trained class -> the newcomer's photos that lie nearest to it; look-alikes come first.
        own_found: Share of the newcomer's photos that its other photos would claim; None for a single photo.
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
        from dataclasses import asdict

        return asdict(self)


def enroll(model: str | Path, label: str, photos: Sequence[str | Path]) -> Enrolment:
    """Add a class from its photos. The model answers with it from then on; whatever fails leaves it as it was.

    Args:
        model: The model folder.
        label: Name of the new class.
        photos: One to five of them, or more.

    Raises:
        SettingError: The name is empty, or the model has a class of that name.
        DataError: There are no photos, or one cannot be read.
        ModelError: The model has no memory or no gallery of its own, or was made from too few photos to tell what a
            newcomer would cost.
    """
    folder, name = Path(model), label.strip()
    with _locked(folder):
        recognizer = Predictor(folder)
        _demand_new(recognizer, name, photos)
        gallery = recognizer.gallery
        seen = _seen(recognizer, photos)
        outcome, vectors = _outcome(recognizer, name, seen), np.asarray(seen.vectors, dtype=np.float32)
        _clear_leftovers(folder, recognizer.manifest)
        file = _write_vectors(folder, name, vectors)
        rows = [GalleryRow(Path(photo).absolute().as_posix(), name, "enrolled") for photo in photos]
        facts = EnrolledFacts(label=name, photos=len(photos), file=file)
        manifest = recognizer.manifest
        _write_manifest(
            folder,
            manifest.model_copy(
                update={
                    "enrolled": [*manifest.enrolled, facts],
                    "gallery": gallery.add(rows, vectors),
                    "checksums": manifest.checksums | {file: checksum(folder / file)},
                }
            ),
        )
    return outcome


def unenroll(model: str | Path, label: str) -> None:
    """Take an enrolled class back. The answers are then, to the digit, those from before it joined.

    Raises:
        SettingError: There is no enrolled class of that name.
    """
    folder, name = Path(model), label.strip()
    with _locked(folder):
        recognizer = Predictor(folder)
        manifest = recognizer.manifest
        if name in manifest.classes:
            raise SettingError(f"'{name}' was trained, not enrolled: fit the model without its photos to leave it out")
        if not recognizer.judge.labels:
            raise SettingError(f"nothing was enrolled in the model {folder}, so '{name}' cannot be taken back")
        if name not in recognizer.judge.labels:
            raise unknown_name("enrolled class", name, recognizer.judge.labels)
        kept = [facts for facts in manifest.enrolled if facts.label != name]
        sums = {facts.file for facts in manifest.enrolled} - {facts.file for facts in kept}
        changed = manifest.model_copy(
            update={
                "enrolled": kept,
                "gallery": recognizer.gallery.remove(name),
                "checksums": {file: value for file, value in manifest.checksums.items() if file not in sums},
            }
        )
        _write_manifest(folder, changed)
        _clear_leftovers(folder, changed)


def _demand_new(recognizer: Predictor, name: str, photos: Sequence[str | Path]) -> None:
    if not name:
        raise SettingError("expected a name for the new class, but it is empty; give one with --label")
    if name in recognizer.classes:
        raise SettingError(f"the model already has a class '{name}'; choose another name, or unenroll it first")
    if not photos:
        raise DataError(f"expected photos of '{name}', but got none; one to five are enough")
    if recognizer.manifest.memory and not recognizer.manifest.gates:
        raise ModelError(
            f"the model {recognizer.folder} was made from too few photos to tell what a newcomer would cost; "
            "fit it again with at least two classes of two photos"
        )


def _seen(recognizer: Predictor, photos: Sequence[str | Path]) -> Evidence:
    evidence, _, errors = recognizer.evidence([Path(photo) for photo in photos], "enrolling")
    if errors:
        first = errors[min(errors)]
        raise DataError(
            f"{len(errors)} of {len(photos)} photos cannot be read ({first}); leave them out, nothing was changed"
        )
    return evidence


def _outcome(recognizer: Predictor, name: str, seen: Evidence) -> Enrolment:
    vectors = np.asarray(seen.vectors, dtype=np.float32)
    memory, gates = recognizer.judge.memory, recognizer.manifest.gates
    statistics, val, classes = memory.statistics, memory.val, recognizer.manifest.classes

    def rivals(means: Float32s, shots: Sequence[int]) -> NDArray[np.floating]:
        return np.asarray(newcomer_odds(val.vectors, means, shots, statistics, gates).max(1))

    before: NDArray[np.floating] = np.zeros(len(val.labels))
    if recognizer.manifest.enrolled:
        before = rivals(*recognizer.judge.newcomers)
    own = newcomer_odds(val.vectors, vectors.mean(0, keepdims=True), [len(vectors)], statistics, gates)[:, 0]
    right = val.answers == val.labels
    was_right, is_taken = right & (before <= val.confidence), own > np.maximum(before, val.confidence)
    taken = Counter(classes[label] for label in val.labels[is_taken])
    nearest = Counter(classes[label] for label in statistics.distances(vectors).argmin(1))
    return Enrolment(
        label=name,
        photos=len(vectors),
        val_photos=len(val.labels),
        accuracy_before=float(was_right.mean()) if len(right) else None,
        accuracy_after=float((was_right & ~is_taken).mean()) if len(right) else None,
        taken=dict(taken.most_common()),
        nearest=dict(nearest.most_common()),
        own_found=_own_found(recognizer, vectors, seen.probabilities.max(1)),
    )


def _own_found(recognizer: Predictor, vectors: Float32s, confidence: NDArray[np.floating]) -> float | None:
    """Share of the photos that the mean of the others claims from the best trained class."""
    count = len(vectors)
    if count < 2:
        return None
    statistics, gates = recognizer.judge.memory.statistics, recognizer.manifest.gates
    others = (vectors.sum(0) - vectors) / (count - 1)
    odds = [
        newcomer_odds(vectors[i : i + 1], others[i : i + 1], [count - 1], statistics, gates)[0, 0] for i in range(count)
    ]
    return float(np.mean(np.array(odds) > confidence))


def _write_vectors(folder: Path, name: str, vectors: Float32s) -> str:
    from safetensors.numpy import save_file

    key = hashlib.blake2b(name.encode() + vectors.tobytes(), digest_size=8).hexdigest()
    file = _FILES.replace("*", key)
    with atomic_file(folder / file) as draft:
        save_file({"vectors": vectors}, draft)
    return file


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    """The one step that makes a change count; the card follows."""
    with atomic_file(folder / MANIFEST) as draft:
        draft.write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    with atomic_file(folder / "README.md") as draft:
        draft.write_text(write_card(manifest), encoding="utf-8")


def _clear_leftovers(folder: Path, manifest: Manifest) -> None:
    """Remove files of newcomers that the model does not name: taken back, or left by an interrupted change."""
    named = {facts.file for facts in manifest.enrolled}
    for path in folder.glob(_FILES):
        if path.name not in named:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One change of a model at a time, on this machine."""
    from filelock import FileLock

    key = hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()
    locks = cache_root() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / key):
        yield
