"""The feedback list of a model folder: add and remove corrections, read their photos, carry them into a new fit."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from fieldmark.artifact.correction import MAX_CORRECTIONS, Correction
from fieldmark.artifact.generations import Change, earlier_manifests
from fieldmark.artifact.load import load_manifest, verified_file
from fieldmark.artifact.manifest import Manifest
from fieldmark.data.add_corrections import CorrectedPhoto
from fieldmark.errors import ModelError, SettingError

__all__ = [
    "add_to_feedback",
    "carry_feedback",
    "corrected_photos",
    "find_corrections",
    "remove_from_feedback",
]

logger = logging.getLogger(__name__)

_SHORTEST = 4  # digits of an id that name a correction


def add_to_feedback(change: Change, correction: Correction) -> Correction | None:
    """Commit a correction whose photo was added to the change, and return the earlier correction of that photo.

    Raises:
        SettingError: The list is full.
    """
    manifest = _current(change)
    replaced = next((one for one in manifest.feedback if one.photo == correction.photo), None)
    kept = [one for one in manifest.feedback if one.photo != correction.photo]
    if len(kept) >= MAX_CORRECTIONS:
        raise SettingError(
            f"the feedback list of {change.folder} is full ({len(kept):,} corrections): fit with them "
            f"(--feedback {change.folder}), then remove them with 'fieldmark feedback {change.folder} --clear'"
        )
    _commit(change, [*kept, correction], change.checksums)
    return replaced


def remove_from_feedback(change: Change, ids: Collection[str]) -> list[Correction]:
    """Commit the list without the corrections that `ids` name, and return those.

    Raises:
        SettingError: An id names no correction, or several.
    """
    manifest = _current(change)
    removed = find_corrections(change.folder, manifest, ids)
    photos = {one.photo for one in removed}
    _commit(change, [one for one in manifest.feedback if one.photo not in photos], {})
    return removed


def find_corrections(folder: Path, manifest: Manifest, ids: Collection[str]) -> list[Correction]:
    """Return the corrections that ids name; the first digits of an id are enough.

    Raises:
        SettingError: An id names no correction, or several.
    """
    found = {}
    for name in ids:
        matches = [one for one in manifest.feedback if len(name) >= _SHORTEST and one.id.startswith(name)]
        if len(matches) > 1:
            raise SettingError(f"'{name}' names {len(matches)} corrections of {folder}: give more digits of the id")
        if not matches:
            raise SettingError(
                f"no correction of {folder} has the id '{name}': 'fieldmark feedback {folder}' lists them"
            )
        found[matches[0].photo] = matches[0]
    return list(found.values())


def corrected_photos(folder: Path) -> list[CorrectedPhoto]:
    """Return the photos of a model's feedback list with their correct classes, for a fit.

    Raises:
        ModelError: There is no model, or a photo is missing or has changed.
        SettingError: The list is empty.
    """
    manifest = load_manifest(folder)
    if not manifest.feedback:
        raise SettingError(f"the feedback list of {folder} is empty: leave out --feedback {folder}")
    return [CorrectedPhoto(verified_file(folder, manifest, one.photo), one.label) for one in manifest.feedback]


def carry_feedback(folder: Path, old: Manifest | None) -> list[Correction]:
    """Return the corrections that a new fit of the same folder keeps: those whose photos are whole."""
    kept = []
    for correction in old.feedback if old else []:
        try:
            assert old is not None
            verified_file(folder, old, correction.photo)
        except ModelError as error:
            logger.warning(f"dropped the correction {correction.id} to '{correction.label}': {error}")
        else:
            kept.append(correction)
    return kept


def _commit(change: Change, corrections: list[Correction], added: dict[str, str]) -> None:
    manifest = _current(change)
    photos = {one.photo for one in corrections}
    old = {one.photo for one in manifest.feedback}
    checksums = {name: value for name, value in manifest.checksums.items() if name not in old or name in photos}
    count = f"{len(corrections)} correction{'' if len(corrections) == 1 else 's'}"
    new = manifest.model_copy(update={"feedback": corrections, "checksums": checksums | added})
    change.commit(new, f"feedback: {count}", amends=_changed_only_feedback(change))


def _changed_only_feedback(change: Change) -> bool:
    """Return whether the current generation answers like the one before it.

    It is then replaced: otherwise a few corrections would push the last fit out of the generations that are kept.
    """
    current = _current(change)
    earlier = earlier_manifests(change.folder, current)
    return bool(earlier) and _answering(earlier[max(earlier)]) == _answering(current)


def _answering(manifest: Manifest) -> Manifest:
    """Return what a generation answers with, for comparison."""
    return manifest.without_feedback().model_copy(update={"generation": 1, "made": "", "change": ""})


def _current(change: Change) -> Manifest:
    assert change.current is not None
    return change.current
