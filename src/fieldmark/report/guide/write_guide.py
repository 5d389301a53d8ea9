"""From a model and its photos to the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fieldmark.errors import ModelError
from fieldmark.guide.advice import ClassCounts, advise
from fieldmark.guide.guide_photos import Asked, GuidePhotos, ask, evenly_by_class, guide_photos
from fieldmark.guide.look_alikes import Pair, find_pairs
from fieldmark.guide.separating import Separation, separate
from fieldmark.guide.sides import side_table
from fieldmark.guide.typical import medoids
from fieldmark.progress import track
from fieldmark.recognizer.predictor import Predictor
from fieldmark.report.guide.guide_page import write_page
from fieldmark.report.page import demand_place
from fieldmark.structures import Record

__all__ = ["Guide", "GuideOptions", "make_guide", "write_guide"]

_LEARNED = 40  # photos of a class among which the typical ones are looked for
_ASKED = 100  # photos of a class that are asked about
_TYPICAL = 4
_MANY_CLASSES = 300


@dataclass(frozen=True, slots=True)
class GuideOptions:
    """What a guide shows.

    Attributes:
        pairs: Look-alike pairs that are shown with their photos, the most alike first.
        photos: Photos of each class of a pair that are explained.
        max_bytes: Of the page's pictures.
        test: Whether test photos are asked about too. Without it they stay closed.
    """

    pairs: int = 40
    photos: int = 8
    max_bytes: int = 24_000_000
    test: bool = False


@dataclass(frozen=True, slots=True)
class Guide:
    """Everything that the page tells.

    Attributes:
        asked: The photos that the model was asked about, with its answers.
        typical: Photos that stand for each class, by label; the medoid first.
        pairs: All look-alikes, the most alike first.
        separations: What tells the first of them apart.
        counts: By label.
        advice: By label.
        taxonomy: Class -> names of its ancestors, coarsest first.
        facts: How the guide was made, name and value.
    """

    asked: Asked
    typical: tuple[tuple[Record, ...], ...]
    pairs: tuple[Pair, ...]
    separations: tuple[Separation, ...]
    counts: tuple[ClassCounts, ...]
    advice: tuple[tuple[str, ...], ...]
    taxonomy: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def top1(self) -> float:
        return float((self.asked.predicted == self.asked.labels).mean())


def write_guide(
    recognizer: Predictor, data: str | Path | None, out: str | Path, options: GuideOptions | None = None
) -> Guide:
    """One page that needs no other file and can be printed.

    Args:
        recognizer: A model folder; an exported file holds no layers to look into.
        data: Photos of its classes; those that it was made from for None.
        out: The HTML file.
        options: What it shows.

    Raises:
        DataError: The photos are no longer where they were, or none is of the model's classes.
        ModelError: The model is an exported file.
        SettingError: The file cannot be written.
    """
    options = options or GuideOptions()
    demand_place(Path(out), "guide.html")
    guide = make_guide(recognizer, data, options)
    write_page(guide, Path(out), options.max_bytes)
    return guide


def make_guide(recognizer: Predictor, data: str | Path | None, options: GuideOptions) -> Guide:
    """What `write_guide` writes."""
    if recognizer.is_exported:
        raise ModelError(
            f"an exported file such as {recognizer.path} holds no layers to look into: name the model folder instead"
        )
    photos = guide_photos(recognizer, data)
    asked = ask(recognizer, photos.to_ask(options.test), _ASKED)
    typical = _typical(recognizer, photos)
    pairs = find_pairs(asked)
    shown = pairs[: options.pairs]
    work = track(shown, "explaining look-alikes", len(shown))
    separations = tuple(separate(recognizer, asked, typical, pair, options.photos) for pair in work)
    counts = _counts(recognizer, photos, asked)
    advice, taxonomy = _advice(counts, pairs, asked), recognizer.manifest.taxonomy
    return Guide(
        asked, typical, tuple(pairs), separations, counts, advice, taxonomy, _facts(recognizer, asked.records.root)
    )


def _typical(recognizer: Predictor, photos: GuidePhotos) -> tuple[tuple[Record, ...], ...]:
    """Medoids of each class's training photos; of its other photos where it has none."""
    classes = recognizer.classes
    learned = set(photos.learned.labels)
    pool = [*photos.learned, *(record for record in photos.fresh if record.label not in learned)]
    records = evenly_by_class(photos.learned.like(pool), _LEARNED)
    vectors = recognizer.embeddings(records, "looking for typical photos").vectors
    labels = np.array(records.labels, dtype=np.int64)
    count = max(1, min(_TYPICAL, _TYPICAL * _MANY_CLASSES // len(classes)))
    found = []
    for label in range(len(classes)):
        rows = np.flatnonzero(labels == label)
        found.append(tuple(records[int(rows[place])] for place in medoids(vectors[rows], count)))
    return tuple(found)


def _counts(recognizer: Predictor, photos: GuidePhotos, asked: Asked) -> tuple[ClassCounts, ...]:
    size = len(recognizer.classes)
    learned = np.bincount(np.array(photos.learned.labels, dtype=np.int64), minlength=size)
    right = asked.predicted == asked.labels
    counts = []
    for label, name in enumerate(recognizer.classes):
        rows = np.flatnonzero(asked.labels == label)
        own = [asked.records[int(row)] for row in rows]
        sides = side_table(own, [bool(right[row]) for row in rows])
        counts.append(ClassCounts(name, int(learned[label]), len(rows), int(right[rows].sum()), sides))
    return tuple(counts)


def _advice(counts: Sequence[ClassCounts], pairs: Sequence[Pair], asked: Asked) -> tuple[tuple[str, ...], ...]:
    """Nothing is advised from answers on photos that the model was trained on, but for their number."""
    learned = [one.learned for one in counts if one.learned]
    median = float(np.median(learned)) if learned else 0.0
    top1 = 0.0 if asked.learned else float((asked.predicted == asked.labels).mean())
    found = []
    for label in range(len(counts)):
        own = [pair for pair in pairs if label in (pair.first, pair.second) and not asked.learned]
        found.append(tuple(advise(label, counts, own, median=median, top1=top1)))
    return tuple(found)


def _facts(recognizer: Predictor, root: Path | None) -> tuple[tuple[str, str], ...]:
    manifest = recognizer.manifest
    return (
        ("model", f"{recognizer.folder.resolve().name}, {manifest.method}, Fieldmark {manifest.fieldmark}"),
        ("photos", str(root)),
        ("fingerprint of the data", manifest.data.fingerprint),
        ("written", datetime.now(UTC).isoformat(timespec="minutes")),
    )
