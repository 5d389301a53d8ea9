"""The content of a field guide against slow loops and planted truths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.explain import PhotoEvidence
from fieldmark.guide.advice import ClassCounts, advise
from fieldmark.guide.evidence_parts import BACKGROUND, merged_name, net_on_photo, part_shares
from fieldmark.guide.guide_photos import evenly_by_class
from fieldmark.guide.guide_texts import GuideTexts
from fieldmark.guide.look_alikes import LookAlikes, find_look_alikes
from fieldmark.guide.sides import SideTable, both_sides_show, side_table
from fieldmark.guide.typical import medoids
from fieldmark.report.guide.guide_page import telling
from fieldmark.structures import Box, Part, Record, RecordList


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return 1.0 - float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))


def test_medoids_are_those_of_a_slow_loop() -> None:
    vectors = np.random.default_rng(0).normal(size=(17, 5))
    chosen: list[int] = []
    for _ in range(4):
        best, lowest = -1, np.inf
        for candidate in range(17):
            if candidate in chosen:
                continue
            total = sum(min(_distance(row, vectors[one]) for one in [*chosen, candidate]) for row in vectors)
            if total < lowest:
                best, lowest = candidate, total
        chosen.append(best)
    assert medoids(vectors, 4) == chosen


def test_medoids_stand_for_each_cluster_and_pass_over_what_could_not_be_read() -> None:
    vectors = np.repeat(np.eye(3), 5, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(15, 3))
    vectors[0] = np.nan
    assert {row // 5 for row in medoids(vectors, 3)} == {0, 1, 2}
    assert 0 not in medoids(vectors, 20)
    assert len(medoids(vectors, 20)) == 14
    assert medoids(np.zeros((0, 0)), 3) == []


def test_planted_look_alikes_are_found() -> None:
    """a and d are mistaken, b and e only come close, c and f stand alone."""
    labels = np.repeat(np.arange(6), 10)
    table = np.full((60, 6), 0.002)
    table[np.arange(60), labels] = 0.99
    for row in range(3):
        table[row] = np.eye(6)[3] * 0.9 + 0.01
    table[30] = np.eye(6)[0] * 0.9 + 0.01
    table[(labels == 1), 4] = 0.2
    pairs = find_look_alikes(Predictions(table, labels))
    assert [(pair.first, pair.second) for pair in pairs[:2]] == [(0, 3), (1, 4)]
    assert (pairs[0].first_as_second, pairs[0].second_as_first, pairs[0].photos) == (3, 1, 20)
    assert pairs[1].mistaken == 0
    assert pairs[1].likeness == pytest.approx((0.2 + 0.002) / 2)
    assert {label for pair in pairs for label in (pair.first, pair.second)} == set(range(6))
    assert pairs[0].other(0) == 3
    assert (pairs[0].called(0), pairs[0].called(3)) == (3, 1)


def test_a_class_without_photos_is_judged_by_the_other_way() -> None:
    table = np.array([[0.6, 0.4, 0.0]] * 4)
    pair = find_look_alikes(Predictions(table, np.zeros(4, dtype=np.int64)))[0]
    assert (pair.first, pair.second, pair.second_photos) == (0, 1, 0)
    assert pair.likeness == pytest.approx(0.4)


def _evidence(contrast: np.ndarray, frame: Box, size: tuple[int, int]) -> PhotoEvidence:
    return PhotoEvidence(
        path=None, label="a", against="b", map=contrast, contrast=contrast, fine=contrast, score=0.0, offset=0.0,
        margin=0.0, margin_offset=0.0, size=size, frame=frame, box=(0, 0, 1, 1), peak=(0, 0), how="",
    )  # fmt: skip


def test_what_parts_add_is_that_of_a_slow_loop() -> None:
    generator = np.random.default_rng(0)
    contrast = generator.normal(size=(3, 4))
    parts = tuple(Part(f"part {index}", *generator.uniform(0, 90, 2), True) for index in range(4))
    record = Record(Path("a.jpg"), 0, box=(10, 5, 80, 70), parts=parts)
    frame = (-8.0, 0.0, 92.0, 90.0)
    evidence = _evidence(contrast, frame, (84, 90))
    found = net_on_photo(evidence, record)
    slow = dict.fromkeys((*(part.name for part in parts), BACKGROUND), 0.0)
    for row in range(24):
        for column in range(32):
            x = frame[0] + (column + 0.5) * 100 / 32
            y = frame[1] + (row + 0.5) * 90 / 24
            inside = 10 <= x < 80 and 5 <= y < 70
            near = min(parts, key=lambda part: (part.x - x) ** 2 + (part.y - y) ** 2)
            slow[near.name if inside else BACKGROUND] += contrast[row // 8, column // 8] / 64
    strength = np.abs(contrast).sum()
    assert {name: net for name, (net, _) in found.items()} == pytest.approx(
        {name: value / strength for name, value in slow.items()}
    )
    assert sum(area for _, area in found.values()) == pytest.approx(1)
    shares = part_shares([(evidence, record)])
    positive = {name: max(value, 0.0) for name, value in slow.items()}
    assert {one.name: one.share for one in shares} == pytest.approx(
        {name: value / sum(positive.values()) for name, value in positive.items()}
    )
    assert shares[-1].name == BACKGROUND


def test_noise_that_goes_either_way_is_no_evidence() -> None:
    """The beak speaks for the class on every photo, the wing for it on one and against it on the other."""
    parts = (Part("beak", 12, 12, True), Part("wing", 88, 88, True))
    record = Record(Path("a.jpg"), 0, box=(0, 0, 100, 100), parts=parts)
    found = []
    for sign in (1, -1):
        contrast = np.zeros((4, 4))
        contrast[0, 0], contrast[3, 3] = 1.0, 5.0 * sign
        found.append((_evidence(contrast, (0, 0, 100, 100), (100, 100)), record))
    assert {one.name: one.share for one in part_shares(found)} == {"beak": 1.0, "wing": 0.0, BACKGROUND: 0.0}


def test_evidence_on_the_beak_is_named() -> None:
    contrast = np.zeros((4, 4))
    contrast[0, 0] = 1.0
    parts = (Part("beak", 12, 12, True), Part("left wing", 60, 60, True), Part("right wing", 0, 0, False))
    record = Record(Path("a.jpg"), 0, box=(0, 0, 100, 100), parts=parts)
    plain = Record(Path("b.jpg"), 0)
    found = part_shares([(_evidence(contrast, (0, 0, 100, 100), (100, 100)), one) for one in (record, plain)])
    assert [(one.name, one.share) for one in found] == [("beak", 1.0), ("wing", 0.0), (BACKGROUND, 0.0)]
    assert [one.name for one in telling(tuple(found))] == ["beak"]
    assert part_shares([(_evidence(contrast, (0, 0, 100, 100), (100, 100)), plain)]) == []


def test_names_lose_their_side() -> None:
    assert [merged_name(name) for name in ("left eye", "Right_wing", "leftover", "upper tail")] == [
        "eye", "wing", "leftover", "upper tail",
    ]  # fmt: skip


def _bird(left: bool, right: bool) -> Record:
    return Record(
        Path("a.jpg"), 0, parts=(Part("beak", 1, 1, True), Part("left eye", 1, 1, left), Part("right eye", 1, 1, right))
    )


def test_sides_come_from_parts_that_come_in_two() -> None:
    assert both_sides_show(_bird(True, True)) == ("eye", True)
    assert both_sides_show(_bird(True, False)) == ("eye", False)
    assert both_sides_show(_bird(False, False)) is None
    assert both_sides_show(Record(Path("a.jpg"), 0)) is None
    records = [_bird(True, True)] * 3 + [_bird(False, True)] * 4 + [_bird(False, False)]
    assert side_table(records, [True, False, False, *[True] * 4, False]) == SideTable("eye", 3, 1, 4, 4)
    assert side_table([Record(Path("a.jpg"), 0)], [True]) is None


def _advice(own: ClassCounts, *, pairs: tuple[LookAlikes, ...] = (), others: int = 60) -> list[str]:
    counts = [own, ClassCounts("other", others, 30, 27)]
    return advise(0, counts, pairs, median=60.0, top1=0.9, texts=GuideTexts("en"))


def test_nothing_is_advised_where_nothing_stands_out() -> None:
    assert _advice(ClassCounts("own", 60, 30, 27, SideTable("eye", 10, 9, 20, 18))) == []


def test_advice_in_words() -> None:
    assert _advice(ClassCounts("own", 1, 30, 27)) == [
        "Add photos: it was trained on only 1 photo; half of the classes have 60 or more."
    ]
    assert _advice(ClassCounts("own", 60, 30, 12)) == [
        "Only 12 of 30 are correct, against 90% over all classes: add photos and check its labels."
    ]
    lost = LookAlikes(0, 1, 0.1, 30, 30, 12, 2)
    assert _advice(ClassCounts("own", 60, 30, 12), pairs=(lost,)) == [
        "Only 12 of 30 are correct, against 90% over all classes. 12 are predicted as other (2 the other way): "
        "add photos that show what separates the two, and check the labels of both."
    ]
    lost = LookAlikes(0, 1, 0.1, 30, 30, 4, 1)
    assert _advice(ClassCounts("own", 40, 30, 26), pairs=(lost,), others=80) == [
        "4 photos are predicted as other (1 the other way), which has 80 training photos against 40: "
        "add photos of this class."
    ]
    assert _advice(ClassCounts("own", 60, 30, 27, SideTable("eye", 9, 3, 40, 38))) == [
        "3 of 9 photos from the front are correct, but 38 of 40 with one eye visible: add photos from the front."
    ]


def test_an_even_pair_and_a_lucky_side_are_passed_over() -> None:
    even = LookAlikes(0, 1, 0.1, 30, 30, 4, 4)
    assert _advice(ClassCounts("own", 30, 30, 26), pairs=(even,), others=80) == []
    assert _advice(ClassCounts("own", 60, 30, 27, SideTable("wing", 3, 2, 40, 38))) == []


def test_photos_are_drawn_evenly_from_each_class() -> None:
    records = RecordList((Record(Path(f"{index}.jpg"), index % 3 == 0) for index in range(30)), "ab")
    chosen = evenly_by_class(records, 4)
    assert [sum(record.label == label for record in chosen) for label in (0, 1)] == [4, 4]
    assert chosen.paths == sorted(chosen.paths, key=records.paths.index)
    assert records.paths[0] in chosen.paths
