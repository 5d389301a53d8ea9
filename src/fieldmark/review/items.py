"""What a person is asked: one item for each problem of a data set, the largest expected gain first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fieldmark.check.inspect_data import Inspection
from fieldmark.data.decisions import Problem
from fieldmark.data.quality.duplicates import DuplicatePair, duplicate_groups
from fieldmark.data.quality.findings import FEW_PHOTOS
from fieldmark.data.quality.split_findings import PAIR_CODES, pair_meaning, unjudged_pairs
from fieldmark.review.expected_gain import WEIGHTS, wrong_label_chances

__all__ = ["Item", "Suggestion", "find_items", "usable_positions"]

_SUGGESTIONS = 3
_ALIKE_CHANCE = 0.5  # of near-duplicates under two labels, at least one of the labels is wrong about that often

_PAIR_REASONS = {
    "two_labels": "{count} exact copies under two labels",
    "alike_under_two_labels": "{count} near-duplicates under two labels",
    "exact_duplicates_across_splits": "{count} exact copies in two splits",
    "near_duplicates_across_splits": "{count} near-duplicates in two splits",
    "exact_duplicates": "{count} exact copies",
    "near_duplicates": "{count} near-duplicates",
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A class that a photo may be of, with its out-of-fold probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Item:
    """One problem, and its photos.

    Attributes:
        key: Names the item, such as ``label:Crow/1.jpg``.
        problem: What a decision is about.
        code: As in the findings of `check`, such as ``label_suspects`` or ``two_labels``.
        photos: Positions in the records of the review.
        gain: Expected gain, see `fieldmark.review.expected_gain.WEIGHTS`.
        reason: Why the item is shown.
        suggestions: Classes for a suspect label, the most probable first.
        given_probability: Probability of a suspect label itself.
    """

    key: str
    problem: Problem
    code: str
    photos: tuple[int, ...]
    gain: float
    reason: str
    suggestions: tuple[Suggestion, ...] = ()
    given_probability: float | None = None


def find_items(found: Inspection, names: list[str]) -> list[Item]:
    """Return the items of a data set, without those about which a person has decided.

    Args:
        found: What `inspect_data` found.
        names: Path below the root of each of `found.seen.everything`.
    """
    items = [*_labels(found, names), *_duplicates(found, names), *_classes(found, names), *_files(found, names)]
    return sorted(items, key=lambda item: (-item.gain, item.key))


def usable_positions(found: Inspection) -> list[int]:
    """Position of each usable record among all records."""
    return [position for position, facts in enumerate(found.seen.facts) if facts.usable]


def _labels(found: Inspection, names: list[str]) -> Iterator[Item]:
    if found.labels is None:
        return
    usable, records = usable_positions(found), found.seen.records
    chances = wrong_label_chances(found.labels)
    row_of = {int(index): row for row, index in enumerate(found.labels.rows)}
    for suspect in found.suspects:
        row = row_of[suspect.index]
        probabilities = found.labels.probabilities[row].copy()
        probabilities[found.labels.given[row]] = -1.0
        best = np.argsort(-probabilities, kind="stable")[:_SUGGESTIONS]
        given = records.classes[records[suspect.index].label]
        suggestions = tuple(
            Suggestion(records.classes[int(found.labels.labels[column])], float(probabilities[column]))
            for column in best
            if probabilities[column] >= 0
        )
        yield Item(
            key=f"label:{names[usable[suspect.index]]}",
            problem="label",
            code="label_suspects",
            photos=(usable[suspect.index],),
            gain=WEIGHTS["label"] * float(chances[row]),
            reason=f"labelled {given} ({suspect.given_probability:.1%}), looks like {suggestions[0].label}"
            f" ({suspect.suggested_probability:.0%})",
            suggestions=suggestions,
            given_probability=suspect.given_probability,
        )


def _duplicates(found: Inspection, names: list[str]) -> Iterator[Item]:
    records, usable = found.seen.records, usable_positions(found)
    pairs = unjudged_pairs(records, found.pairs)
    group_of = duplicate_groups(len(records), pairs)
    members: defaultdict[int, list[DuplicatePair]] = defaultdict(list)
    for pair in pairs:
        if group_of[pair.first] == group_of[pair.second]:
            members[group_of[pair.first]].append(pair)
    for own in members.values():
        code = min((pair_meaning(records, pair) for pair in own), key=PAIR_CODES.index)
        rows = sorted({row for pair in own for row in (pair.first, pair.second)})
        telling = [pair for pair in own if pair_meaning(records, pair) == code]
        similarity = max(pair.similarity for pair in telling)
        outside = sum((records[row].split or "train") != "train" for row in rows)
        gains = {
            "two_labels": WEIGHTS["label"],
            "alike_under_two_labels": WEIGHTS["label"] * _ALIKE_CHANCE,
            "exact_duplicates_across_splits": WEIGHTS["split"] * outside,
            "near_duplicates_across_splits": WEIGHTS["split"] * outside * similarity,
        }
        yield Item(
            key=f"duplicate:{names[usable[rows[0]]]}",
            problem="duplicate",
            code=code,
            photos=tuple(usable[row] for row in rows),
            gain=gains.get(code, WEIGHTS["duplicate"] * (len(rows) - 1) * similarity),
            reason=_PAIR_REASONS[code].format(count=len(rows)),
        )


def _classes(found: Inspection, names: list[str]) -> Iterator[Item]:
    records, usable = found.seen.records, usable_positions(found)
    judged = records.judged.get("class", frozenset())
    rows_of: defaultdict[int, list[int]] = defaultdict(list)
    for row, record in enumerate(records):
        rows_of[record.label].append(row)
    for label, rows in rows_of.items():
        if len(rows) >= FEW_PHOTOS or all(records[row].path in judged for row in rows):
            continue
        noun = "photo" if len(rows) == 1 else "photos"
        yield Item(
            key=f"class:{records.classes[label]}",
            problem="class",
            code="too_few_photos" if len(rows) == 1 else "few_photos",
            photos=tuple(usable[row] for row in rows),
            gain=WEIGHTS["class"] * len(rows),
            reason=f"{records.classes[label]} has only {len(rows)} {noun}",
        )


def _files(found: Inspection, names: list[str]) -> Iterator[Item]:
    judged = found.seen.everything.judged.get("file", frozenset())
    for position, facts in enumerate(found.seen.facts):
        problem = next((one for one in facts.problems if one.severity == "bad"), None)
        if problem is not None and facts.path not in judged:
            yield Item(
                key=f"file:{names[position]}",
                problem="file",
                code=problem.code,
                photos=(position,),
                gain=WEIGHTS["file"],
                reason=problem.reason.replace(str(facts.path), names[position]),  # without folders of this machine
            )
