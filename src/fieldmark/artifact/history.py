"""The generations of a model: list them, and go back to one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fieldmark.artifact.gallery import Gallery
from fieldmark.artifact.generations import changing, earlier_manifests
from fieldmark.artifact.load import load_manifest, verified_file
from fieldmark.artifact.manifest import MANIFEST, Manifest
from fieldmark.errors import SettingError

__all__ = ["Generation", "rollback", "versions"]


@dataclass(frozen=True, slots=True)
class Generation:
    """One state of a model folder.

    Attributes:
        number: Counts up with each change.
        made: When, ISO 8601 in UTC.
        change: What changed, in words.
        is_current: Whether the model answers with it now.
        method: Name of the method.
        classes: Number of trained classes.
        enrolled: Names of the enrolled classes.
        photos: Split -> number of photos.
        figures: As in the manifest, such as ``val_top1``.
        questions: Names of all questions, the first one first; empty where there is one.
        corrections: Length of the feedback list.
    """

    number: int
    made: str
    change: str
    is_current: bool
    method: str
    classes: int
    enrolled: tuple[str, ...]
    photos: dict[str, int]
    figures: dict[str, float | None]
    questions: tuple[str, ...] = ()
    corrections: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``versions --json`` prints."""
        return asdict(self)


def versions(model: str | Path) -> list[Generation]:
    """Return the generations of a model folder that are still there, the newest first.

    Raises:
        ModelError: There is no model, or its manifest cannot be read.
    """
    folder = Path(model)
    current = load_manifest(folder)
    written = datetime.fromtimestamp((folder / MANIFEST).stat().st_mtime, UTC).isoformat(timespec="seconds")
    newest = current.model_copy(update={"made": current.made or written})
    earlier = reversed(earlier_manifests(folder, current).values())
    return [_described(newest, True), *(_described(manifest, False) for manifest in earlier)]


def rollback(model: str | Path, number: int | None = None) -> Manifest:
    """Make an earlier generation the newest one, and return its manifest. Nothing is lost: this is a change, too.

    Args:
        model: The model folder.
        number: Of the generation; None for the one before the current one.

    Raises:
        SettingError: There is no such generation.
        ModelError: There is no model, or files of that generation are damaged; the model stays as it was.
    """
    folder = Path(model)
    with changing(folder) as change:
        assert change.current is not None
        earlier = earlier_manifests(folder, change.current)
        if not earlier:
            raise SettingError(f"the model {folder} has no earlier generation to go back to")
        wanted = max(earlier) if number is None else number
        if wanted not in earlier:
            known = ", ".join(map(str, earlier))
            raise SettingError(f"the model {folder} has no earlier generation {wanted}; it has {known}")
        target = earlier[wanted]
        for name in target.checksums:
            verified_file(folder, target, name)
        if target.gallery is not None:
            Gallery(target.gallery, folder)
        return change.commit(target, f"rollback to {wanted}: {target.change}")


def _described(manifest: Manifest, is_current: bool) -> Generation:
    return Generation(
        number=manifest.generation,
        made=manifest.made,
        change=manifest.change,
        is_current=is_current,
        method=manifest.method,
        classes=len(manifest.classes),
        enrolled=tuple(facts.label for facts in manifest.enrolled),
        photos=manifest.data.photos,
        figures=manifest.figures,
        questions=tuple(manifest.question_names) if manifest.questions else (),
        corrections=len(manifest.feedback),
    )
