"""After training: what a model keeps of its photos, written into the draft of its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats, Ints, evenly
from fieldmark.artifact.manifest import Manifest
from fieldmark.artifact.save import relative_path
from fieldmark.backbones.runners.batches import in_batches
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.calibration.member_fusion import mean_logits
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.data.photos.views import whole_views
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.enrolled_classes import ValAnswers
from fieldmark.openset.enrolment_gate import fit_gates
from fieldmark.openset.gallery import Gallery, GalleryRow
from fieldmark.openset.leave_class_out import choose_score, leave_out, tell_apart
from fieldmark.openset.open_set_state import MEMORY_FILE, Memory
from fieldmark.openset.projection import Projection
from fieldmark.openset.unknown_scores import DEFAULT_SCORE, Evidence, fit_unknown
from fieldmark.structures import RecordList
from fieldmark.training.member import Member

__all__ = ["GALLERY_FOLDER", "KnownPhotos", "graph_embeddings", "known_photos", "remember"]

Embed = Callable[[Ints], NDArray[np.float32]]

GALLERY_FOLDER = "gallery"
_LANDMARKS = 4096
_FITTED = 20_000  # photos that means and spreads are computed from
_SIMULATED = 2000  # train photos, and val photos, of the draws without some classes
_SIMULATED_CLASSES = 100
_VAL = 4096  # val photos that are remembered
_FEW = 20  # with fewer free val photos, thresholds and gates look at all of val
_CHUNK = 1024
_IN_MEMORY_BYTES = 96 << 20


@dataclass(frozen=True, slots=True)
class KnownPhotos:
    """The photos that a model was made from.

    Attributes:
        records: Train first, then val.
        num_train: How many are train.
        embed: Positions in `records` to embeddings (n, D) of the first member, the mean over its views.
        val_probabilities: (n_val, K), calibrated.
        val_logits: (n_val, K), divided by the temperature; the weighted mean over the members.
        free: Which val photos something may be chosen by, (n_val,).
        groups: (n,) photos with equal numbers show the same moment.
    """

    records: RecordList
    num_train: int
    embed: Embed
    val_probabilities: Floats
    val_logits: Floats
    free: NDArray[np.bool_]
    groups: Ints


def remember(folder: Path, manifest: Manifest, photos: KnownPhotos, *, gallery_uri: str | None, seed: int) -> Manifest:
    """Write memory and gallery; the manifest with what is known of them.

    Args:
        folder: The draft of the model folder, with its graphs.
        manifest: Without memory.
        photos: What the model was made from.
        gallery_uri: Where the gallery goes; into the folder for None.
        seed: Of the simulations.
    """
    count, num_train = len(photos.records), photos.num_train
    photos = replace(photos, embed=_read_once(photos.embed, count))
    sample = photos.embed(evenly(num_train, 5000))
    projection = Projection.fit(sample)
    vectors = np.empty((count, projection.dim), dtype=np.float32)
    for start in range(0, count, _CHUNK):
        positions = np.arange(start, min(start + _CHUNK, count))
        vectors[positions] = projection(photos.embed(positions))
    memory, kept = _memory(photos, projection, vectors)
    memory.save(folder / MEMORY_FILE)
    update = _fitted(memory, photos, kept, seed)
    rows = _rows(photos.records)
    table = "photos" if gallery_uri is None else f"photos-{projection.key}"
    facts = Gallery.create(gallery_uri or GALLERY_FOLDER, folder, rows, vectors, projection.key, table)
    return manifest.model_copy(update=update | {"memory": MEMORY_FILE, "gallery": facts})


def known_photos(
    folder: Path,
    manifest: Manifest,
    records: RecordList,
    members: Sequence[Member],
    val_probabilities: Floats,
    free: NDArray[np.bool_],
    groups: Sequence[int],
) -> KnownPhotos:
    """Train and val photos with what the members say of them; the first member's embeddings are read when asked for.

    Args:
        folder: With the members' graphs.
        manifest: Names them.
        records: All photos with their splits.
        members: In the order of the manifest's.
        val_probabilities: (n_val, K), calibrated.
        free: Which val photos something may be chosen by, (n_val,).
        groups: A number for each of `records`; photos with equal numbers show the same moment.
    """
    train, val = records.of_split("train"), records.of_split("val")
    own = records.like([*train, *val])
    first, facts = members[0], manifest.members[0]
    embed = first.embed or graph_embeddings(folder / facts.graph, first.preprocess, first.views, own)
    logits = mean_logits(
        [member.val_logits for member in members],
        [facts.temperature for facts in manifest.members],
        [member.weight for member in members],
    )
    moments = [
        group
        for split in ("train", "val")
        for group, record in zip(groups, records, strict=True)
        if record.split == split
    ]
    return KnownPhotos(own, len(train), embed, val_probabilities, logits, free, np.array(moments, dtype=np.int64))


def graph_embeddings(
    graph: Path, preprocess: Preprocess, views: int, records: RecordList
) -> Callable[[Ints], NDArray[np.float32]]:
    """Positions to embeddings by the shipped graph, for methods whose embeddings no cache holds."""
    runner = OnnxRunner(graph)

    def work(positions: Sequence[int]) -> NDArray[np.float32]:
        arrays = np.stack([load_array(records[position], preprocess) for position in positions])
        return np.asarray(runner.run_views(arrays, whole_views(views))["embedding"].mean(1))

    def embed(positions: Ints) -> NDArray[np.float32]:
        return np.concatenate(list(in_batches(positions.tolist(), work)))

    return embed


def _read_once(embed: Embed, count: int) -> Embed:
    """The same embeddings out of memory, where they take no more than 96 MB there."""
    width = embed(np.arange(1)).shape[1]
    if 4 * width * count > _IN_MEMORY_BYTES:
        return embed
    rows = np.concatenate([embed(np.arange(start, min(start + _CHUNK, count))) for start in range(0, count, _CHUNK)])
    return lambda positions: np.asarray(rows[positions])


def _memory(photos: KnownPhotos, projection: Projection, vectors: NDArray[np.float32]) -> tuple[Memory, Ints]:
    """The memory, and which val photos are in it: those that are free, all where these are very few."""
    labels, num_train = np.array(photos.records.labels, dtype=np.int64), photos.num_train
    order = np.argsort(labels[:num_train], kind="stable")  # by class, so that each has its share of a sample
    fitted = order[evenly(num_train, _FITTED)]
    statistics = ClassGaussians.fit(vectors[fitted], labels[fitted], len(photos.records.classes))
    landmarks = vectors[order[evenly(num_train, _LANDMARKS)]].astype(np.float16).astype(np.float32)
    usable = np.flatnonzero(photos.free | (photos.free.sum() < _FEW))
    kept = usable[evenly(len(usable), _VAL)]
    probabilities = photos.val_probabilities[kept]
    answers = probabilities.argmax(1) if len(kept) else np.zeros(0, np.int64)
    confidence = probabilities.max(1) if len(kept) else np.zeros(0)
    val = ValAnswers(vectors[num_train + kept], labels[num_train + kept], answers, confidence)
    return Memory(projection, statistics, landmarks, val), kept


def _fitted(memory: Memory, photos: KnownPhotos, kept: Ints, seed: int) -> dict[str, object]:
    """The threshold of the unknown and the gates of newcomers, for the manifest."""
    labels, num_train = np.array(photos.records.labels, dtype=np.int64), photos.num_train
    few, some = _simulated(labels[:num_train], seed), kept[evenly(len(kept), _SIMULATED)]
    own = photos.embed(num_train + some) if len(some) else np.zeros((0, memory.projection.width), dtype=np.float32)
    draws = leave_out(photos.embed(few), labels[few], own, labels[num_train + some], photos.groups[few], seed=seed)
    simulated = tell_apart(draws)
    score = choose_score(simulated) if simulated else DEFAULT_SCORE
    evidence = Evidence(
        photos.val_probabilities[kept],
        photos.val_logits[kept],
        memory.val.vectors,
        memory.landmarks,
        memory.statistics,
    )
    means = {name: float(np.mean(values)) for name, values in simulated.items()}
    return {"unknown": fit_unknown(evidence, means, score), "gates": fit_gates(draws, seed=seed)}


def _simulated(labels: Ints, seed: int) -> Ints:
    """Train photos (n,) of at most 100 classes, each with its share."""
    classes = np.random.default_rng(seed).permutation(np.unique(labels))[:_SIMULATED_CLASSES]
    chosen = np.flatnonzero(np.isin(labels, classes))
    by_class = chosen[np.argsort(labels[chosen], kind="stable")]
    return by_class[evenly(len(by_class), _SIMULATED)]


def _rows(records: RecordList) -> list[GalleryRow]:
    return [
        GalleryRow(relative_path(record.path, records.root), records.classes[record.label], str(record.split))
        for record in records
    ]
