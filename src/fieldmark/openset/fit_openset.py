"""Fit the open-set state after training: projection, Gaussians, threshold of unknowns, enrolment gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float32s, Floats, Ints, evenly
from fieldmark.calibration.calibrate import Calibration
from fieldmark.data.photo_table import PhotoTable
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.enrolled_classes import EnrolmentGate
from fieldmark.openset.enrolment_gate import fit_gates
from fieldmark.openset.leave_class_out import auroc_by_score, choose_score, leave_class_out
from fieldmark.openset.open_set_state import OpenSetState, ValPredictions
from fieldmark.openset.projection import Projection
from fieldmark.openset.unknown_scores import DEFAULT_SCORE, OpenSetFeatures, UnknownThreshold, fit_threshold
from fieldmark.training.member import Trained, TrainedMember

__all__ = ["FittedOpenSet", "fit_openset"]

Embed = Callable[[Ints], Float32s]

_REFERENCE_VECTORS = 4096
_GAUSSIAN_PHOTOS = 20_000
_PROJECTION_PHOTOS = 5000
_SIMULATED_PHOTOS = 2000  # train photos, and val photos, of the leave-class-out simulations
_SIMULATED_CLASSES = 100
_VAL_PHOTOS = 4096
_FEW = 20  # with fewer val photos outside the calibration set, thresholds and gates use all of val
_CHUNK = 1024
_IN_MEMORY_BYTES = 96 << 20


@dataclass(frozen=True, slots=True)
class FittedOpenSet:
    """The result of `fit_openset`.

    Attributes:
        state: What a recognizer keeps of the photos.
        threshold: How unknowns are detected; None without val photos.
        gates: How enrolled classes compete, for each number of photos.
        known: The train and val photos, for the gallery.
        vectors: (n, d) unit vectors of these.
    """

    state: OpenSetState
    threshold: UnknownThreshold | None
    gates: list[EnrolmentGate]
    known: PhotoTable
    vectors: Float32s


def fit_openset(
    trained: Trained,
    calibration: Calibration,
    known: PhotoTable,
    *,
    seed: int,
    score: str | None = None,
    device: str = "cpu",
) -> FittedOpenSet:
    """Fit everything that open-set recognition, enrolment and the gallery need, on embeddings of the first member.

    Args:
        trained: The trained members.
        calibration: Their calibrated results on the split val.
        known: Train photos, then those of the split val.
        seed: Seed of the simulations.
        score: Out-of-distribution score that detects unknowns; None lets the simulations choose one.
        device: Where the heads of the simulations are fitted.
    """
    labels, num_train = known.labels, len(known.positions("train"))
    embed = trained.members[0].embed or _embed_once(trained.members[0], known)
    projection = Projection.fit(embed(evenly(num_train, _PROJECTION_PHOTOS)))
    vectors = np.empty((len(known), projection.dim), dtype=np.float32)
    for start in range(0, len(known), _CHUNK):
        positions = np.arange(start, min(start + _CHUNK, len(known)))
        vectors[positions] = projection(embed(positions))
    kept = _kept_val(known, everything=trained.learned_val)
    probabilities, in_table = calibration.val.probabilities[kept], num_train + kept
    val = _val_predictions(vectors[in_table], labels[in_table], probabilities)
    state = _state(projection, vectors[:num_train], labels[:num_train], len(known.classes), val)
    few, some = _simulated(labels[:num_train], seed), in_table[evenly(len(kept), _SIMULATED_PHOTOS)]
    own = embed(some) if len(some) else np.zeros((0, projection.width), dtype=np.float32)
    groups = np.array(known.groups, dtype=np.int64)[few]
    folds = leave_class_out(embed(few), labels[few], own, labels[some], groups, seed=seed, device=device)
    simulated = auroc_by_score(folds)
    features = OpenSetFeatures(
        probabilities, calibration.val.logits[kept], val.vectors, state.reference_vectors, state.gaussians
    )
    means = {name: float(np.mean(values)) for name, values in simulated.items()}
    chosen = score or (choose_score(simulated) if simulated else DEFAULT_SCORE)
    of_classes = calibration.class_weights
    weights = None if of_classes is None else of_classes[labels[in_table]]
    threshold = fit_threshold(features, means, chosen, weights=weights)
    return FittedOpenSet(state, threshold, fit_gates(folds, seed=seed), known, vectors)


def _embed_once(member: TrainedMember, photos: PhotoTable) -> Embed:
    """Return a function from rows of the table to embeddings by the graph; computed once if they take at most 96 MB."""

    def embed(positions: Ints) -> Float32s:
        return member.graph.mean_embeddings([photos.records[row] for row in positions], member.spec.views)

    count, width = len(photos), embed(np.arange(1)).shape[1]
    if 4 * width * count > _IN_MEMORY_BYTES:
        return embed
    rows = np.concatenate([embed(np.arange(start, min(start + _CHUNK, count))) for start in range(0, count, _CHUNK)])
    return lambda positions: np.asarray(rows[positions])


def _kept_val(photos: PhotoTable, *, everything: bool) -> Ints:
    """Return positions in the split val of at most 4096 photos of the role val; of all val photos if they are few.

    All of them serve with `everything`, where none is kept for the guarantees.
    """
    val = photos.of_split("val")
    usable = val.positions("val")
    if everything or len(usable) < _FEW:
        usable = np.arange(len(val))
    return usable[evenly(len(usable), _VAL_PHOTOS)]


def _val_predictions(vectors: Float32s, labels: Ints, probabilities: Floats) -> ValPredictions:
    if not len(labels):
        return ValPredictions(vectors, labels, np.zeros(0, np.int64), np.zeros(0))
    return ValPredictions(vectors, labels, probabilities.argmax(1), probabilities.max(1))


def _state(
    projection: Projection, vectors: Float32s, labels: Ints, num_classes: int, val: ValPredictions
) -> OpenSetState:
    """Return the state, from the unit vectors (n, d) and labels (n,) of train photos."""
    order = np.argsort(labels, kind="stable")  # by class, so that a sample is stratified
    fitted = order[evenly(len(labels), _GAUSSIAN_PHOTOS)]
    gaussians = ClassGaussians.fit(vectors[fitted], labels[fitted], num_classes)
    reference = vectors[order[evenly(len(labels), _REFERENCE_VECTORS)]].astype(np.float16).astype(np.float32)
    return OpenSetState(projection, gaussians, reference, val)


def _simulated(labels: Ints, seed: int) -> Ints:
    """Return positions (n,) of train photos of at most 100 classes, stratified."""
    classes = np.random.default_rng(seed).permutation(np.unique(labels))[:_SIMULATED_CLASSES]
    chosen = np.flatnonzero(np.isin(labels, classes))
    by_class = chosen[np.argsort(labels[chosen], kind="stable")]
    return by_class[evenly(len(by_class), _SIMULATED_PHOTOS)]
