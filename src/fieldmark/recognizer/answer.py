"""From a row of probabilities to the `Answer` that a person gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldmark.arrays import Bools, Floats
from fieldmark.recognizer.specimen import fuse_photos, majority_set
from fieldmark.structures import Answer, Candidate
from fieldmark.uncertainty.backoff import answer_levels
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees

__all__ = ["compose", "compose_specimen"]


def compose(
    trust: Guarantees,
    classes: Sequence[str],
    path: str | None,
    probabilities: Floats,
    unknown: bool | None,
    wanted: AnswerOptions,
) -> Answer:
    """The answer for one photo.

    Args:
        trust: Makes set and rank.
        classes: K names.
        path: Of the photo.
        probabilities: (K,).
        unknown: Whether it is none of the classes.
        wanted: Levels and number of candidates.
    """
    sets = trust.sets(probabilities[None], trust.coverage_of(wanted))
    return _answer(trust, classes, path, probabilities, unknown, wanted, None if sets is None else sets[0])


def compose_specimen(
    trust: Guarantees,
    classes: Sequence[str],
    photos: Sequence[str | None],
    group: str | None,
    probabilities: Floats,
    unknown: Sequence[bool | None],
    wanted: AnswerOptions,
) -> Answer:
    """One answer from several photos of one specimen, probabilities (m, K).

    The set is the majority of the photos' sets at half the error, see `majority_set`. The specimen is unknown where
    most of its photos are.
    """
    coverage = trust.coverage_of(wanted)
    each = coverage if len(probabilities) == 1 else 1.0 - (1.0 - coverage) / 2.0
    sets = trust.sets(probabilities, each)
    fused = fuse_photos(probabilities)
    votes = [vote for vote in unknown if vote is not None]
    known = None if not votes else 2 * sum(votes) > len(votes)
    merged = None if sets is None else majority_set(sets)
    if merged is not None:
        merged[fused.argmax()] = True
    answer = _answer(trust, classes, None, fused, known, wanted, merged)
    return Answer(
        path=None,
        candidates=answer.candidates,
        set=answer.set,
        coverage=answer.coverage,
        rank=answer.rank,
        ancestor=answer.ancestor,
        unknown=known,
        group=group,
        photos=tuple(str(photo) for photo in photos if photo is not None),
    )


def _answer(
    trust: Guarantees,
    classes: Sequence[str],
    path: str | None,
    probabilities: Floats,
    unknown: bool | None,
    wanted: AnswerOptions,
    members: Bools | None,
) -> Answer:
    order = np.argsort(-probabilities, kind="stable")
    rank, ancestor = _rank(trust, probabilities, wanted)
    named = None if members is None else tuple(classes[index] for index in order if members[index])
    return Answer(
        path,
        tuple(Candidate(classes[index], float(probabilities[index])) for index in order[: wanted.top_k]),
        set=named,
        coverage=None if named is None else trust.coverage_of(wanted),
        rank=rank,
        ancestor=ancestor,
        unknown=unknown,
    )


def _rank(trust: Guarantees, probabilities: Floats, wanted: AnswerOptions) -> tuple[str | None, str | None]:
    """The lowest rank that is sure enough, and the name there where it is not the class; None for none."""
    confidence = trust.confidence_of(wanted)
    if confidence is None:
        return "class", None
    hierarchy = trust.hierarchy
    threshold, _ = trust.threshold(confidence)
    level = int(answer_levels(hierarchy.path(probabilities[None]), threshold)[0])
    if level == len(hierarchy.levels):
        return None, None
    ancestor = None if level == 0 else hierarchy.name(int(probabilities.argmax()), level)
    return hierarchy.levels[level], ancestor
