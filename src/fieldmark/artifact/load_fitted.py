"""Load what a fit learned besides the graphs: guarantees, open-set classifier and gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.arrays import Float32s
from fieldmark.artifact.gallery import Gallery
from fieldmark.artifact.linear_heads import LinearHeads
from fieldmark.artifact.load import damaged, reading
from fieldmark.artifact.manifest import MANIFEST, Manifest
from fieldmark.artifact.question_facts import QuestionFacts
from fieldmark.errors import ModelError, SettingError
from fieldmark.openset.open_set_classifier import OpenSetClassifier
from fieldmark.openset.open_set_state import OpenSetState
from fieldmark.registry import Registry
from fieldmark.scores import CONFORMITY_SCORES, UNKNOWN_SCORES
from fieldmark.tensor_file import read_tensors
from fieldmark.uncertainty.conformity_scores import ConformityScore, takes_prevalence
from fieldmark.uncertainty.guarantee_tables import GuaranteeTables
from fieldmark.uncertainty.guarantees import Guarantees

__all__ = ["load_gallery", "load_guarantees", "load_heads", "load_open_set"]


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
    with reading(folder, manifest, facts.file) as path:
        tables = GuaranteeTables.load(path, len(hierarchy.levels), len(manifest.classes))
    prevalence = tuple(tables.prevalence.tolist()) or None
    if takes_prevalence(facts.score) != (prevalence is not None):
        raise damaged(folder, f"{facts.file} cannot be used: its tensor 'prevalence' does not fit '{facts.score}'")
    score = ConformityScore(facts.score, facts.k_reg, facts.penalty, prevalence)
    weights, enrolled = tables.class_weights, len(manifest.enrolled)
    return Guarantees(
        hierarchy,
        tables,
        facts.coverage,
        facts.target_accuracy,
        score,
        facts.classwise,
        np.append(weights, np.full(enrolled, weights.mean())) if len(weights) else None,
    )


def load_heads(folder: Path, manifest: Manifest, facts: QuestionFacts) -> LinearHeads:
    """Return the heads of a further question.

    Raises:
        ModelError: The file is missing or has changed, or is not for the model's members.
    """
    with reading(folder, manifest, facts.heads) as path:
        return LinearHeads.load(path, len(manifest.members), len(facts.classes))


def load_open_set(folder: Path, manifest: Manifest) -> OpenSetClassifier:
    """Return the open-set classifier of a model.

    Raises:
        ModelError: A file is missing or has changed, or the out-of-distribution score is not installed.
    """
    if manifest.unknown is not None:
        _demand(UNKNOWN_SCORES, manifest.unknown.score)
        if not _parts(manifest.unknown.score) <= manifest.unknown.scales.keys():
            raise damaged(folder, f"'unknown.scales' in {MANIFEST} is not valid")
    state, enrolled = None, {}
    if manifest.open_set_state is not None:
        with reading(folder, manifest, manifest.open_set_state) as path:
            state = OpenSetState.load(path, len(manifest.classes))
    for facts in manifest.enrolled:
        with reading(folder, manifest, facts.file) as path:
            enrolled[facts.label] = _enrolled_vectors(path, state)
    return OpenSetClassifier(state, manifest.unknown, manifest.enrolment_gates, enrolled)


def _enrolled_vectors(path: Path, state: OpenSetState | None) -> Float32s:
    sizes = {} if state is None else {"d": state.projection.dim}
    vectors: Float32s = read_tensors(path, {"vectors": "float n d"}, sizes)["vectors"]
    if not len(vectors):
        raise ValueError("it holds no vector")
    return vectors


def _parts(score: str) -> set[str]:
    """Return the scores that an out-of-distribution score is the weighted sum of."""
    weights = UNKNOWN_SCORES.load(score)
    return set() if callable(weights) else set(weights)


def _demand(registry: Registry[Any], name: str) -> None:
    try:
        registry.load(name)
    except SettingError as error:
        raise ModelError(
            f"the model needs the {registry.kind} '{name}' of another package: install that package ({error})"
        ) from error
