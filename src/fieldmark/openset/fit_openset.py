"""Fit the open-set state after training: projection, Gaussians, threshold of unknowns, enrolment gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldmark.arrays import Bools, Float32s, Floats, Ints, evenly
from fieldmark.backbones.runners.batches import in_batches
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.calibration.member_fusion import mean_logits
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.data.photos.views import whole_views
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.enrolled_classes import EnrolmentGate
from fieldmark.openset.enrolment_gate import fit_gates
from fieldmark.openset.gallery import GalleryRow
from fieldmark.openset.leave_class_out import auroc_by_score, choose_score, leave_class_out
from fieldmark.openset.open_set_state import OpenSetState, ValPredictions
from fieldmark.openset.projection import Projection
from fieldmark.openset.unknown_scores import DEFAULT_SCORE, OpenSetFeatures, UnknownThreshold, fit_threshold
from fieldmark.structures import RecordList, relative_path
from fieldmark.training.member import Member

__all__ = ["FittedOpenSet", "KnownPhotos", "fit_openset", "gallery_rows", "graph_embeddings", "known_photos"]

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
class KnownPhotos:
    """The photos that a model was made from.

    Attributes:
        records: Train photos, then val photos.
        num_train: Number of train photos.
        embed: Positions in `records` to embeddings (n, D) of the first member, the mean over its views.
        val_probabilities: (n_val, K), calibrated.
        val_logits: (n_val, K), divided by the temperature; the weighted mean over the members.
        free: (n_val,) True for val photos outside the calibration set.
        groups: (n,) photos with equal numbers show the same moment.
    """

    records: RecordList
    num_train: int
    embed: Embed
    val_probabilities: Floats
    val_logits: Floats
    free: Bools
    groups: Ints


@dataclass(frozen=True, slots=True)
class FittedOpenSet:
    """The result of `fit_openset`.

    Attributes:
        state: What a recognizer keeps of the photos.
        threshold: How unknowns are detected; None without val photos.
        gates: How enrolled classes compete, for each number of photos.
        vectors: (n, d) unit vectors of the known photos, for the gallery.
    """

    state: OpenSetState
    threshold: UnknownThreshold | None
    gates: list[EnrolmentGate]
    vectors: Float32s


def fit_openset(photos: KnownPhotos, *, seed: int) -> FittedOpenSet:
    """Fit everything that open-set recognition, enrolment and the gallery need.

    Args:
        photos: What the model was made from.
        seed: Seed of the simulations.
    """
    count, num_train = len(photos.records), photos.num_train
    photos = replace(photos, embed=_embed_once(photos.embed, count))
    projection = Projection.fit(photos.embed(evenly(num_train, _PROJECTION_PHOTOS)))
    vectors = np.empty((count, projection.dim), dtype=np.float32)
    for start in range(0, count, _CHUNK):
        positions = np.arange(start, min(start + _CHUNK, count))
        vectors[positions] = projection(photos.embed(positions))
    state, kept = _state(photos, projection, vectors)
    labels = np.array(photos.records.labels, dtype=np.int64)
    few, some = _simulated(labels[:num_train], seed), kept[evenly(len(kept), _SIMULATED_PHOTOS)]
    own = photos.embed(num_train + some) if len(some) else np.zeros((0, projection.width), dtype=np.float32)
    folds = leave_class_out(
        photos.embed(few), labels[few], own, labels[num_train + some], photos.groups[few], seed=seed
    )
    simulated = auroc_by_score(folds)
    features = OpenSetFeatures(
        photos.val_probabilities[kept],
        photos.val_logits[kept],
        state.val.vectors,
        state.reference_vectors,
        state.gaussians,
    )
    means = {name: float(np.mean(values)) for name, values in simulated.items()}
    threshold = fit_threshold(features, means, choose_score(simulated) if simulated else DEFAULT_SCORE)
    return FittedOpenSet(state, threshold, fit_gates(folds, seed=seed), vectors)


def known_photos(
    graph: Path,
    temperatures: Sequence[float],
    records: RecordList,
    members: Sequence[Member],
    val_probabilities: Floats,
    free: Bools,
    groups: Sequence[int],
) -> KnownPhotos:
    """Return train and val photos with the members' results; embeddings of the first member are computed lazily.

    Args:
        graph: ONNX file of the first member.
        temperatures: One for each member.
        records: All photos with their splits.
        members: The trained members.
        val_probabilities: (n_val, K), calibrated.
        free: (n_val,) True for val photos outside the calibration set.
        groups: A number for each of `records`; photos with equal numbers show the same moment.
    """
    train, val = records.of_split("train"), records.of_split("val")
    own = records.like([*train, *val])
    first = members[0]
    embed = first.embed or graph_embeddings(graph, first.preprocess, first.views, own)
    logits = mean_logits([member.val_logits for member in members], temperatures, [member.weight for member in members])
    moments = [
        group
        for split in ("train", "val")
        for group, record in zip(groups, records, strict=True)
        if record.split == split
    ]
    return KnownPhotos(own, len(train), embed, val_probabilities, logits, free, np.array(moments, dtype=np.int64))


def graph_embeddings(graph: Path, preprocess: Preprocess, views: int, records: RecordList) -> Embed:
    """Return a function from positions to embeddings of the exported graph, for methods without cached embeddings."""
    runner = OnnxRunner(graph)

    def work(positions: Sequence[int]) -> Float32s:
        arrays = np.stack([load_array(records[position], preprocess) for position in positions])
        return np.asarray(runner.run_views(arrays, whole_views(views))["embedding"].mean(1))

    def embed(positions: Ints) -> Float32s:
        return np.concatenate(list(in_batches(positions.tolist(), work)))

    return embed


def gallery_rows(records: RecordList) -> list[GalleryRow]:
    """Return the gallery's row of each record."""
    return [
        GalleryRow(relative_path(record.path, records.root), records.classes[record.label], str(record.split))
        for record in records
    ]


def _embed_once(embed: Embed, count: int) -> Embed:
    """Return the same embeddings from memory, if they take at most 96 MB."""
    width = embed(np.arange(1)).shape[1]
    if 4 * width * count > _IN_MEMORY_BYTES:
        return embed
    rows = np.concatenate([embed(np.arange(start, min(start + _CHUNK, count))) for start in range(0, count, _CHUNK)])
    return lambda positions: np.asarray(rows[positions])


def _state(photos: KnownPhotos, projection: Projection, vectors: Float32s) -> tuple[OpenSetState, Ints]:
    """Return the state, and the positions of its val photos: those outside the calibration set, or all if few."""
    labels, num_train = np.array(photos.records.labels, dtype=np.int64), photos.num_train
    order = np.argsort(labels[:num_train], kind="stable")  # by class, so that a sample is stratified
    fitted = order[evenly(num_train, _GAUSSIAN_PHOTOS)]
    gaussians = ClassGaussians.fit(vectors[fitted], labels[fitted], len(photos.records.classes))
    reference = vectors[order[evenly(num_train, _REFERENCE_VECTORS)]].astype(np.float16).astype(np.float32)
    usable = np.flatnonzero(photos.free | (photos.free.sum() < _FEW))
    kept = usable[evenly(len(usable), _VAL_PHOTOS)]
    probabilities = photos.val_probabilities[kept]
    answers = probabilities.argmax(1) if len(kept) else np.zeros(0, np.int64)
    confidence = probabilities.max(1) if len(kept) else np.zeros(0)
    val = ValPredictions(vectors[num_train + kept], labels[num_train + kept], answers, confidence)
    return OpenSetState(projection, gaussians, reference, val), kept


def _simulated(labels: Ints, seed: int) -> Ints:
    """Return positions (n,) of train photos of at most 100 classes, stratified."""
    classes = np.random.default_rng(seed).permutation(np.unique(labels))[:_SIMULATED_CLASSES]
    chosen = np.flatnonzero(np.isin(labels, classes))
    by_class = chosen[np.argsort(labels[chosen], kind="stable")]
    return by_class[evenly(len(by_class), _SIMULATED_PHOTOS)]
