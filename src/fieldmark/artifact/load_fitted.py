"""Load what a fit learned besides the graphs: guarantees, open-set classifier and gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldmark.artifact.gallery import Gallery
from fieldmark.artifact.load import verified_file
from fieldmark.artifact.manifest import Manifest
from fieldmark.errors import ModelError, SettingError
from fieldmark.openset.open_set_classifier import OpenSetClassifier
from fieldmark.openset.open_set_state import OpenSetState
from fieldmark.registry import Registry
from fieldmark.scores import CONFORMITY_SCORES, UNKNOWN_SCORES
from fieldmark.uncertainty.conformity_scores import ConformityScore
from fieldmark.uncertainty.guarantees import Guarantees, GuaranteeTables

__all__ = ["load_gallery", "load_guarantees", "load_open_set"]


def load_gallery(folder: Path, manifest: Manifest) -> Gallery:
    """Return the known photos of a model.

    Raises:
        ModelError: The model has no gallery, or it cannot be opened.
    """
    if manifest.gallery is None:
        raise ModelError(f"the model {folder} has no gallery: fit it again with this version of Fieldmark")
    return Gallery(manifest.gallery, folder)


def load_guarantees(folder: Path, manifest: Manifest) -> Guarantees:
    """Return the guarantees of a model; models of old versions have an empty calibration set.

    Raises:
        ModelError: The file is missing or has changed, or the conformity score is not installed.
    """
    hierarchy, facts = manifest.hierarchy(), manifest.guarantees
    if facts is None:
        return Guarantees(hierarchy, GuaranteeTables.empty(len(hierarchy.levels)))
    _demand(CONFORMITY_SCORES, facts.score)
    tables = GuaranteeTables.load(verified_file(folder, manifest, facts.file))
    prevalence = tuple(tables.prevalence.tolist()) or None
    score = ConformityScore(facts.score, facts.k_reg, facts.penalty, prevalence)
    return Guarantees(hierarchy, tables, facts.coverage, facts.target_accuracy, score, facts.classwise)


def load_open_set(folder: Path, manifest: Manifest) -> OpenSetClassifier:
    """Return the open-set classifier of a model.

    Raises:
        ModelError: A file is missing or has changed, or the out-of-distribution score is not installed.
    """
    from safetensors.numpy import load_file

    if manifest.unknown is not None:
        _demand(UNKNOWN_SCORES, manifest.unknown.score)
    file = manifest.open_set_state
    state = None if file is None else OpenSetState.load(verified_file(folder, manifest, file))
    enrolled = {
        facts.label: load_file(verified_file(folder, manifest, facts.file))["vectors"] for facts in manifest.enrolled
    }
    return OpenSetClassifier(state, manifest.unknown, manifest.enrolment_gates, enrolled)


def _demand(registry: Registry[Any], name: str) -> None:
    try:
        registry.load(name)
    except SettingError as error:
        raise ModelError(
            f"the model needs the {registry.kind} '{name}' of another package: install that package ({error})"
        ) from error
