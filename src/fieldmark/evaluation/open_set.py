"""Measure how well a recognizer detects unknown classes, on photos of classes that it was not trained on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.arrays import Bools, Floats
from fieldmark.errors import DataError, ModelError
from fieldmark.evaluation.read_source import read_source
from fieldmark.evaluation.recorded_split import content_keys, of_split
from fieldmark.openset.unknown_scores import known_scores
from fieldmark.recognizer.open_set_outputs import open_set_features
from fieldmark.recognizer.predictor import Predictor
from fieldmark.scores import UNKNOWN_SCORES
from fieldmark.structures import RecordList, Split

__all__ = ["OpenSet", "ScoreFigures", "evaluate_open_set", "fpr_at", "open_set_photos", "oscr"]


@dataclass(frozen=True, slots=True)
class ScoreFigures:
    """How well one score separates known from unknown photos.

    Attributes:
        auroc: Area under the ROC curve, with known photos as positives.
        fpr_at_95: Share of unknown photos that are accepted at the threshold that accepts 95% of the known ones.
        oscr: Area under the open-set classification rate curve; at most the top-1 accuracy.
    """

    auroc: float
    fpr_at_95: float
    oscr: float


@dataclass(frozen=True, slots=True)
class OpenSet:
    """The numbers that ``evaluate --open-set --json`` prints.

    Attributes:
        num_known: Photos of the model's classes.
        num_unknown: Photos of other classes.
        top1_accuracy: Closed-set accuracy on the known photos.
        score: Score that the model uses.
        known_kept: Share of known photos that are accepted.
        unknown_found: Share of unknown photos that are detected as unknown.
        scores: Figures of every score, the model's own first.
        errors: Path -> why that photo could not be read.
    """

    num_known: int
    num_unknown: int
    top1_accuracy: float
    score: str
    known_kept: float
    unknown_found: float
    scores: dict[str, ScoreFigures]
    errors: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_open_set(
    recognizer: Predictor, data: str | Path | RecordList | None = None, *, split: Split = "test"
) -> OpenSet:
    """Measure on photos of the model's classes against photos of all other classes in the data.

    Args:
        recognizer: The recognizer.
        data: A data set with known and unknown classes; None for the one that the model was made from.
        split: Split of the photos; unknown classes without a split are used whole.

    Raises:
        ModelError: The model has no threshold for unknown classes.
        DataError: The data have no known or no unknown photos.
    """
    facts = recognizer.manifest.unknown
    if facts is None:
        raise ModelError(f"the model {recognizer.folder} tells no unknowns, as it has no val photos: fit it with some")
    records = read_source(recognizer, data)
    known, foreign = open_set_photos(recognizer, records, split)
    features, outputs, errors = open_set_features(recognizer, [*known, *foreign], "evaluating")
    good = np.array([index for index in range(len(known) + len(foreign)) if index not in errors], dtype=np.int64)
    is_known = good < len(known)
    if not is_known.any() or is_known.all():
        raise DataError(f"none of the {'known' if not is_known.any() else 'unknown'} photos could be read")
    is_unknown = np.zeros(len(good), dtype=np.bool_) if outputs.unknown is None else outputs.unknown
    labels = np.array([*known.labels, *([-1] * len(foreign))], dtype=np.int64)[good]
    correct = features.probabilities.argmax(1) == labels
    names = (facts.score, *(name for name in UNKNOWN_SCORES if name != facts.score))
    photos = [*known, *foreign]
    return OpenSet(
        num_known=int(is_known.sum()),
        num_unknown=int((~is_known).sum()),
        top1_accuracy=float(correct[is_known].mean()),
        score=facts.score,
        known_kept=float((~is_unknown[is_known]).mean()),
        unknown_found=float(is_unknown[~is_known].mean()),
        scores={name: _figures(known_scores(name, features, facts.scales), is_known, correct) for name in names},
        errors={str(photos[index].path): reason for index, reason in errors.items()},
    )


def open_set_photos(recognizer: Predictor, records: RecordList, split: Split) -> tuple[RecordList, list[Any]]:
    """Return known photos with the recognizer's labels, and photos of other classes, without its training photos.

    Raises:
        DataError: There are no known or no unknown photos.
    """
    own = {name: index for index, name in enumerate(recognizer.manifest.classes)}
    is_own = [records.classes[record.label] in own for record in records]
    familiar = records.like(record for record, inside in zip(records, is_own, strict=True) if inside)
    contents = content_keys(familiar)
    chosen = [familiar[index] for index in of_split(familiar, contents, recognizer.split(), split)]
    known = RecordList(
        (replace(record, label=own[records.classes[record.label]]) for record in chosen), recognizer.manifest.classes
    )
    enrolled = set(recognizer.open_set.labels)
    foreign = [
        record
        for record, inside in zip(records, is_own, strict=True)
        if not inside and record.split in (None, split) and records.classes[record.label] not in enrolled
    ]
    if not known or not foreign:
        lacking = "of the model's classes" if not known else "of classes that the model does not know"
        raise DataError(f"expected {split} photos {lacking} in {records.root or 'the data'}, but there are none")
    return known, foreign


def fpr_at(kept: float, scores: Floats, is_known: Bools) -> float:
    """Share of unknown photos that are accepted at the threshold that accepts the share `kept` of the known ones."""
    from fieldmark.openset.unknown_scores import threshold_at

    return float((scores[~is_known] >= threshold_at(scores[is_known], kept)).mean())


def oscr(scores: Floats, is_known: Bools, correct: Bools) -> float:
    """Area under the curve of accepted correct predictions against accepted unknown photos. Ties are accepted together.

    Source: Dhamija, Günther, Boult, "Reducing network agnostophobia" (NeurIPS 2018).

    Args:
        scores: (n,), higher means known.
        is_known: (n,).
        correct: (n,) whether the prediction is correct; used for known photos only.
    """
    values, which = np.unique(-scores, return_inverse=True)
    bins = len(values)
    passed = np.cumsum(np.bincount(which, weights=is_known & correct, minlength=bins)) / is_known.sum()
    false = np.cumsum(np.bincount(which, weights=~is_known, minlength=bins)) / (~is_known).sum()
    return float(np.trapezoid(np.concatenate([[0.0], passed]), np.concatenate([[0.0], false])))


def _figures(scores: Floats, is_known: Bools, correct: Bools) -> ScoreFigures:
    from sklearn.metrics import roc_auc_score

    return ScoreFigures(
        float(roc_auc_score(is_known, scores)), fpr_at(0.95, scores, is_known), oscr(scores, is_known, correct)
    )
