"""What limits the accuracy in the data: said where it holds, and not where chance explains it."""

from __future__ import annotations

import numpy as np

from fieldmark.evaluation.data_limits import find_limits, is_rare

CLASSES = ["alder", "beech", "cedar"]


def _data(*rows: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions from (label, predicted, how often)."""
    labels, predicted = zip(*((a, b) for a, b, times in rows for _ in range(times)), strict=True)
    return np.array(labels), np.array(predicted)


def test_nothing_limits_good_data() -> None:
    labels, predicted = _data((0, 0, 30), (1, 1, 28), (2, 2, 30), (1, 2, 2))
    assert find_limits(labels, np.arange(90), CLASSES, labels, predicted) == []


def test_few_photos_are_named_with_their_numbers() -> None:
    labels, predicted = _data((0, 0, 40), (1, 1, 40), (2, 2, 8))
    (limit,) = find_limits(labels, np.arange(88), CLASSES, labels, predicted)
    assert (limit.kind, limit.classes) == ("few_photos", ("cedar",))
    assert limit.message == "few photos of cedar (8); half of the classes have 40 or more"
    assert limit.action == "add photos of it first, of other days and places"
    assert is_rare(9, 9)
    assert is_rare(19, 40)
    assert not is_rare(20, 40)


def test_twins_are_two_classes_that_chance_would_tell_apart_as_well() -> None:
    labels, predicted = _data((0, 0, 11), (0, 1, 9), (1, 0, 10), (1, 1, 10), (2, 2, 20))
    (limit,) = find_limits(labels, np.arange(60), CLASSES, labels, predicted)
    assert (limit.kind, limit.classes) == ("twins", ("alder", "beech"))
    expected = "alder and beech may be one class: 21 of 40 photos are told apart, chance is about half"
    assert limit.message == expected


def test_look_alikes_that_are_told_apart_are_no_twins() -> None:
    """Three quarters correct is far from chance; six photos show nothing; mistakes in one direction are a bias."""
    for rows in (
        [(0, 0, 15), (0, 1, 5), (1, 0, 5), (1, 1, 15), (2, 2, 20)],
        [(0, 0, 2), (0, 1, 2), (0, 2, 16), (1, 0, 1), (1, 1, 1), (1, 2, 18), (2, 2, 20)],
        [(0, 1, 18), (0, 0, 2), (1, 1, 20), (2, 2, 20)],
    ):
        labels, predicted = _data(*rows)
        kinds = [limit.kind for limit in find_limits(labels, np.arange(60), CLASSES, labels, predicted)]
        assert kinds == []


def test_photos_of_one_source() -> None:
    labels, predicted = _data((0, 0, 20), (1, 1, 20), (2, 2, 20))
    groups = np.concatenate([np.arange(20), np.repeat([100, 101], 10), np.arange(200, 220)])
    (limit,) = find_limits(labels, groups, CLASSES, labels, predicted)
    assert (limit.kind, limit.classes) == ("one_source", ("beech",))
    assert limit.message == "photos of one or two moments or sources: beech (20 photos of 2)"
