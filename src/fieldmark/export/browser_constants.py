"""Everything that answers depend on besides the graph, as JSON and tensors for the page's scripts.

Thresholds, quantiles and taxonomy are computed here by the code that Python's answers use, so that the scripts only
apply them.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats, unit_rows
from fieldmark.artifact.exported import InputFacts
from fieldmark.artifact.manifest import Manifest
from fieldmark.errors import ModelError
from fieldmark.export.known_photos import KnownPhotos
from fieldmark.openset.enrolled_classes import gate_for
from fieldmark.openset.unknown_scores import UnknownThreshold
from fieldmark.recognizer.predictor import Predictor
from fieldmark.scores import UNKNOWN_SCORES
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees
from fieldmark.uncertainty.taxonomy import Hierarchy

__all__ = ["CONFORMITY_IN_BROWSER", "UNKNOWN_IN_BROWSER", "browser_constants", "browser_tensors", "demand_scores"]

CONFORMITY_IN_BROWSER = frozenset({"lac", "aps", "raps", "pas"})
"""Scores that ``engine/conformity.js`` computes."""

UNKNOWN_IN_BROWSER = frozenset(
    {"max_softmax", "entropy", "max_logit", "energy", "nearest", "mahalanobis", "relative_mahalanobis"}
)
"""Scores that ``engine/open_set.js`` computes, and those that are weighted sums of them."""

_MANY = 10**9


def demand_scores(recognizer: Predictor) -> None:
    """Check that the page's scripts know the scores of the model.

    Raises:
        ModelError: A score comes from another package.
    """
    unknown = recognizer.manifest.unknown
    used = {
        "conformity": {recognizer.guarantees.score.name} - CONFORMITY_IN_BROWSER,
        "out-of-distribution": set(_weights(unknown) if unknown else ()) - UNKNOWN_IN_BROWSER,
    }
    for kind, foreign in used.items():
        for name in foreign:
            raise ModelError(
                f"the model's {kind} score '{name}' comes from another package and cannot run in a browser: "
                "fit the model with a score of Fieldmark, or serve it with 'fieldmark serve'"
            )


def browser_constants(
    recognizer: Predictor, inputs: list[InputFacts], evidence: list[str], known: KnownPhotos | None
) -> bytes:
    """Return the JSON text.

    Args:
        recognizer: The model folder.
        inputs: Of the graph.
        evidence: Outputs of the graph with each member's evidence.
        known: Known photos that the page shows.
    """
    manifest, classes = recognizer.manifest, list(recognizer.classes)
    members = [facts.preprocess.to_dict() for facts in manifest.members]
    constants = {
        "classes": classes,
        "inputs": [{"name": each.name, "preprocess": each.preprocess.to_dict()} for each in inputs],
        "evidence": [
            {"output": output, "preprocess": member} for output, member in zip(evidence, members, strict=False)
        ],
        "taxonomy": _taxonomy(manifest.hierarchy(), len(classes)),
        "guarantees": _guarantees(recognizer.guarantees, len(classes)),
        "open_set": {"unknown": _unknown(manifest.unknown), "enrolled": _gates(recognizer)},
        "known": known.rows if known else [],
        "page": _page(recognizer, bool(evidence), known is not None),
    }
    return json.dumps(constants, ensure_ascii=False, allow_nan=False).encode("utf-8")


def browser_tensors(recognizer: Predictor, known: KnownPhotos | None) -> bytes:
    """Return a safetensors file; without tensors where the model has no open-set state."""
    from safetensors.numpy import save

    manifest = recognizer.manifest
    tensors: dict[str, NDArray[Any]] = {}
    if manifest.open_set_state is not None:
        state = recognizer.open_set.state
        tensors |= {"mean": state.projection.mean, "components": state.projection.components}
        if manifest.unknown or manifest.enrolled:
            within, means = state.gaussians.within, state.gaussians.means
            tensors |= {"within": within, "total": state.gaussians.total, "center": state.gaussians.center}
            tensors |= {"turned_means": means @ within, "unit_means": unit_rows(means)}
        if manifest.unknown and "nearest" in _weights(manifest.unknown):
            tensors["reference_vectors"] = state.reference_vectors.astype(np.float16)
        if manifest.enrolled:
            means, _ = recognizer.open_set.enrolled_means
            tensors["enrolled_turned_means"] = means @ state.gaussians.within
            tensors["enrolled_unit_means"] = unit_rows(means)
    if known is not None:
        tensors["known_vectors"] = known.vectors.astype(np.float16)
    return bytes(save({name: _stored(tensor) for name, tensor in tensors.items()}))


def _stored(tensor: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(tensor, dtype=np.float16 if tensor.dtype == np.float16 else np.float32)


def _taxonomy(hierarchy: Hierarchy, num_classes: int) -> dict[str, Any]:
    names: list[list[str]] = []
    for level in range(len(hierarchy.levels)):
        nodes = hierarchy.nodes(level)
        first = {int(node): label for label, node in reversed(list(enumerate(nodes.tolist())))}
        names.append([hierarchy.name(first[node], level) for node in range(len(first))])
    nodes_of = [hierarchy.nodes(level).tolist() for level in range(len(hierarchy.levels))]
    return {"levels": list(hierarchy.levels), "nodes": nodes_of, "names": names}


def _guarantees(guarantees: Guarantees, num_classes: int) -> dict[str, Any]:
    wanted = AnswerOptions()
    coverage, accuracy = guarantees.coverage_of(wanted), guarantees.target_accuracy_of(wanted)
    score = guarantees.score
    prevalence = score.prevalence_of(num_classes)
    return {
        "coverage": coverage,
        "quantile": _plain(guarantees.quantile(coverage, num_classes)),
        "quantile_of_each": _plain(guarantees.quantile(1.0 - (1.0 - coverage) / 2.0, num_classes)),
        "score": {
            "name": score.name,
            "k_reg": score.k_reg,
            "penalty": score.penalty,
            "prevalence": None if prevalence is None else prevalence.tolist(),
        },
        "threshold": None if accuracy is None else guarantees.threshold(accuracy)[0],
    }


def _plain(quantile: float | Floats | None) -> float | list[float] | None:
    return quantile.tolist() if isinstance(quantile, np.ndarray) else quantile


def _weights(unknown: UnknownThreshold) -> dict[str, float]:
    """Return score -> weight in the sum that the model's score is."""
    found = UNKNOWN_SCORES.load(unknown.score)
    return {unknown.score: 1.0} if callable(found) else dict(found)


def _unknown(unknown: UnknownThreshold | None) -> dict[str, Any] | None:
    if unknown is None:
        return None
    weights = _weights(unknown)
    alone = callable(UNKNOWN_SCORES.load(unknown.score))
    parts = []
    for name, weight in weights.items():
        center, scale = (0.0, 1.0) if alone else unknown.scales[name]
        parts.append({"name": name, "weight": weight, "center": center, "scale": scale})
    return {"threshold": unknown.threshold, "parts": parts}


def _gates(recognizer: Predictor) -> list[dict[str, float]]:
    manifest: Manifest = recognizer.manifest
    if not manifest.enrolled:
        return []
    _, shots = recognizer.open_set.enrolled_means
    gates = [gate_for(manifest.enrolment_gates, count) for count in shots]
    return [{name: getattr(gate, name) for name in ("discriminant", "similarity", "bias")} for gate in gates]


def _page(recognizer: Predictor, explains: bool, gallery: bool) -> dict[str, Any]:
    """Return what ``GET /v1/model`` of a server says."""
    guarantees = recognizer.guarantees
    return {
        "version": version("fieldmark"),
        "name": recognizer.path.resolve().name,
        "classes": list(recognizer.classes),
        "questions": [recognizer.manifest.label_name],  # the graph answers the first one
        "enrolled": list(recognizer.open_set.labels),
        "enrolled_photos": {facts.label: facts.photos for facts in recognizer.manifest.enrolled},
        "corrections": 0,
        "ranks": list(recognizer.manifest.ranks),
        "coverage": guarantees.coverage if guarantees.photos else None,
        "explains": explains,
        "gallery": gallery,
        "enrolls": False,
        "max_photos": 1,  # so that each answer is shown as soon as it is there
        "max_bytes": _MANY,
    }
