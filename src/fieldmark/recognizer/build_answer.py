"""Build an `Answer` from probabilities: candidates, prediction set, back-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fieldmark.arrays import Bools, Floats
from fieldmark.recognizer.answer import Answer, Candidate
from fieldmark.recognizer.specimen import fuse_photos, majority_set
from fieldmark.uncertainty.backoff import answer_levels
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees

__all__ = ["answer_photo", "answer_specimen"]


def answer_photo(
    guarantees: Guarantees,
    classes: Sequence[str],
    path: str | None,
    probabilities: Floats,
    unknown: bool | None,
    wanted: AnswerOptions,
    box: Floats | None = None,
) -> Answer:
    """Return the answer for one photo.

    Args:
        guarantees: Source of prediction sets and back-off.
        classes: K names.
        path: Path of the photo.
        probabilities: (K,).
        unknown: Whether the photo shows none of the classes.
        wanted: Levels and number of candidates.
        box: (4,) where the photo shows its object, xyxy pixels; None or NaN where nothing looked for it.
    """
    sets = guarantees.sets(probabilities[None], guarantees.coverage_of(wanted))
    answer = _answer(guarantees, classes, probabilities, None if sets is None else sets[0], wanted)
    found = None if box is None or np.isnan(box).any() else box.round(1).tolist()
    return replace(answer, path=path, unknown=unknown, box=None if found is None else tuple(found))


def answer_specimen(
    guarantees: Guarantees,
    classes: Sequence[str],
    photos: Sequence[str | None],
    group: str | None,
    probabilities: Floats,
    unknown: Sequence[bool | None],
    wanted: AnswerOptions,
) -> Answer:
    """Return one answer for several photos of one specimen.

    The prediction set is the majority of the photos' sets at half the error rate, see `majority_set`. The specimen is
    unknown if most of its photos are.

    Args:
        guarantees: Source of prediction sets and back-off.
        classes: K names.
        photos: Paths of the photos.
        group: Name of the specimen.
        probabilities: (m, K), a row for each photo.
        unknown: Whether each photo shows none of the classes.
        wanted: Levels and number of candidates.
    """
    coverage = guarantees.coverage_of(wanted)
    each = coverage if len(probabilities) == 1 else 1.0 - (1.0 - coverage) / 2.0
    sets = guarantees.sets(probabilities, each)
    fused = fuse_photos(probabilities)
    merged = None if sets is None else majority_set(sets)
    if merged is not None:
        merged[fused.argmax()] = True
    votes = [vote for vote in unknown if vote is not None]
    return replace(
        _answer(guarantees, classes, fused, merged, wanted),
        unknown=2 * sum(votes) > len(votes) if votes else None,
        group=group,
        photos=tuple(str(photo) for photo in photos if photo is not None),
    )


def _answer(
    guarantees: Guarantees, classes: Sequence[str], probabilities: Floats, members: Bools | None, wanted: AnswerOptions
) -> Answer:
    order = np.argsort(-probabilities, kind="stable")
    rank, ancestor = _back_off(guarantees, probabilities, wanted)
    named = None if members is None else tuple(classes[index] for index in order if members[index])
    return Answer(
        None,
        tuple(Candidate(classes[index], float(probabilities[index])) for index in order[: wanted.top_k]),
        set=named,
        coverage=None if named is None else guarantees.coverage_of(wanted),
        rank=rank,
        ancestor=ancestor,
    )


def _back_off(guarantees: Guarantees, probabilities: Floats, wanted: AnswerOptions) -> tuple[str | None, str | None]:
    """Return the most specific rank that meets the target accuracy, None for none, and the ancestor at that rank."""
    target_accuracy = guarantees.target_accuracy_of(wanted)
    if target_accuracy is None:
        return "class", None
    hierarchy = guarantees.hierarchy
    threshold, _ = guarantees.threshold(target_accuracy)
    level = int(answer_levels(hierarchy.path(probabilities[None]), threshold)[0])
    if level == len(hierarchy.levels):
        return None, None
    ancestor = None if level == 0 else hierarchy.name(int(probabilities.argmax()), level)
    return hierarchy.levels[level], ancestor
