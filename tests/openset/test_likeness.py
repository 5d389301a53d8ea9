"""Groups of unknown photos: what is alike comes together, whatever the order of the photos."""

from __future__ import annotations

import numpy as np
import pytest

from fieldmark.arrays import Float32s, Ints, unit_rows
from fieldmark.errors import SettingError
from fieldmark.openset import likeness
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.likeness import ALONE, DEFAULT_DISTANCE, bcubed, calibrate_distance, group_alike
from fieldmark.openset.open_set_state import OpenSetState, ValPredictions
from fieldmark.openset.projection import Projection

DIM = 24


def _photos(centers: Float32s, sizes: list[int], rng: np.random.Generator) -> tuple[Float32s, Ints]:
    """Photos around class centers; the first axes, such as light and background, differ inside each class."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    noise = rng.normal(size=(len(labels), DIM)) * np.where(np.arange(DIM) < 6, 6.0, 0.15)
    return unit_rows(centers[labels] + noise), labels


@pytest.fixture(scope="module")
def world() -> tuple[OpenSetState, Float32s]:
    """State of a model of 20 classes, and centers of 6 others. Classes differ in the axes after the first six."""
    rng = np.random.default_rng(0)
    centers = np.where(np.arange(DIM) < 6, 0.0, rng.normal(size=(26, DIM))).astype(np.float32)
    vectors, labels = _photos(centers[:20], [20] * 20, rng)
    val, val_labels = _photos(centers[:20], [4] * 20, rng)
    held = ValPredictions(val, val_labels, val_labels, np.ones(len(val)))
    whole = Projection(np.zeros(DIM, dtype=np.float32), np.eye(DIM, dtype=np.float32))
    return OpenSetState(whole, ClassGaussians.fit(vectors, labels, 20), vectors, held), centers[20:]


def test_unknown_classes_come_apart_largest_first(world: tuple[OpenSetState, Float32s]) -> None:
    state, centers = world
    vectors, labels = _photos(centers, [5, 12, 1, 9, 3, 1], np.random.default_rng(1))
    groups = group_alike(vectors, state)
    expected = np.array([2, 0, ALONE, 1, 3, ALONE])[labels]
    np.testing.assert_array_equal(groups, expected)


def test_the_first_axes_hide_the_classes_without_whitening(world: tuple[OpenSetState, Float32s]) -> None:
    """The cosines of the vectors themselves would not do: the photos differ most where classes do not."""
    state, centers = world
    vectors, labels = _photos(centers, [8] * 6, np.random.default_rng(2))
    nearest = (vectors @ vectors.T - 2 * np.eye(len(vectors))).argmax(1)
    assert np.mean(labels[nearest] == labels) < 0.6
    assert bcubed(labels, group_alike(vectors, state))[2] == 1.0


def test_the_order_of_the_photos_changes_nothing(world: tuple[OpenSetState, Float32s]) -> None:
    state, centers = world
    vectors, _ = _photos(centers, [5, 12, 1, 9, 3, 2], np.random.default_rng(3))
    order = np.random.default_rng(4).permutation(len(vectors))
    np.testing.assert_array_equal(group_alike(vectors[order], state), group_alike(vectors, state)[order])


def test_copies_are_one_group_and_few_photos_are_handled(world: tuple[OpenSetState, Float32s]) -> None:
    state, centers = world
    vectors, _ = _photos(centers, [1] * 6, np.random.default_rng(5))
    np.testing.assert_array_equal(group_alike(vectors[[0, 0, 3]], state), [0, 0, ALONE])
    assert group_alike(vectors[:1], state).tolist() == [ALONE]
    assert group_alike(vectors[:0], state).tolist() == []
    with_zero = np.concatenate([vectors[:2], np.zeros((1, DIM), dtype=np.float32)])
    assert len(group_alike(with_zero, state)) == 3


def test_the_distance_comes_from_the_val_photos(world: tuple[OpenSetState, Float32s]) -> None:
    state, _ = world
    assert 0.1 < calibrate_distance(state) < 1.0
    one_each = ValPredictions(*(values[::4] for values in (
        state.val.vectors, state.val.labels, state.val.answers, state.val.confidence
    )))  # fmt: skip
    few = OpenSetState(state.projection, state.gaussians, state.reference_vectors, one_each)
    assert calibrate_distance(few) == DEFAULT_DISTANCE


def test_too_many_photos_are_refused(world: tuple[OpenSetState, Float32s], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "MAX_PHOTOS", 3)
    with pytest.raises(SettingError) as raised:
        group_alike(np.eye(4, DIM, dtype=np.float32), world[0])
    assert str(raised.value) == "4 unknown photos are too many to group at once, the limit is 3: give fewer"


def test_bcubed_is_its_definition() -> None:
    rng = np.random.default_rng(6)
    labels, groups = rng.integers(0, 4, 30), rng.integers(0, 5, 30)
    shares = []
    for one in range(30):
        group, own = groups == groups[one], labels == labels[one]
        shares.append(((group & own).sum() / group.sum(), (group & own).sum() / own.sum()))
    precision, recall = np.mean(shares, axis=0)
    assert bcubed(labels, groups) == pytest.approx((precision, recall, 2 * precision * recall / (precision + recall)))
    assert bcubed(labels, labels + 7) == (1.0, 1.0, 1.0)
