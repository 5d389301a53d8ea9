"""The tree above the classes and the answers that climb it, against slow oracles."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldmark.uncertainty.backoff import answer_levels, error_bound, learn_threshold, photos_needed_without_error
from fieldmark.uncertainty.taxonomy import Hierarchy

Floats = NDArray[np.float64]

CLASSES = ("Corn Bunting", "Reed Bunting", "Rock Bunting", "Reed Warbler", "Lone Heron", "Corn Warbler")
TAXONOMY = {
    "Corn Bunting": ("Songbirds", "Bunting"),
    "Reed Bunting": ("Songbirds", "Bunting"),
    "Rock Bunting": ("Songbirds", "Bunting"),
    "Reed Warbler": ("Songbirds", "Warbler"),
    "Corn Warbler": ("Songbirds", "Warbler"),
}


@pytest.fixture
def tree() -> Hierarchy:
    return Hierarchy(CLASSES, ("order", "genus"), TAXONOMY)


@pytest.fixture
def probabilities() -> Floats:
    return np.random.default_rng(0).dirichlet(np.full(6, 0.4), 200)


def _ancestors(name: str) -> list[tuple[str, ...]]:
    """The way up: the class, genus and order, each by its whole path; a class without ancestors stands for itself."""
    above = TAXONOMY.get(name, ())
    return [(name,), *([tuple(above[:2]), tuple(above[:1])] if above else [(name,), (name,)])]


def _lowest_passing(row: Floats, threshold: float) -> tuple[int, str | None]:
    best = CLASSES[int(row.argmax())]
    for level, ancestor in enumerate(_ancestors(best)):
        inside = [index for index, name in enumerate(CLASSES) if _ancestors(name)[level] == ancestor]
        if row[inside].sum() >= threshold:
            return level, ancestor[-1]
    return 3, None


@pytest.mark.parametrize("threshold", [0.31, 0.6, 0.85, 0.97])
def test_answers_back_off_to_the_lowest_ancestor_above_the_threshold(
    tree: Hierarchy, probabilities: Floats, threshold: float
) -> None:
    levels = answer_levels(tree.path(probabilities), threshold)
    for row, level in zip(probabilities, levels, strict=True):
        expected, name = _lowest_passing(row, threshold)
        assert level == expected
        assert name is None or tree.name(int(row.argmax()), level) == name


def test_the_levels_are_named_from_the_class_up(tree: Hierarchy) -> None:
    assert tree.levels == ("class", "genus", "order")
    assert Hierarchy(CLASSES, (), {}).levels == ("class",)
    assert Hierarchy(CLASSES, (), TAXONOMY).levels == ("class", "level 2", "level 1")


def test_probabilities_of_ancestors_are_sums_and_never_decrease_upwards(tree: Hierarchy, probabilities: Floats) -> None:
    for level in range(3):
        np.testing.assert_allclose(tree.at_level(probabilities, level).sum(1), 1.0)
    assert (np.diff(tree.path(probabilities), axis=1) >= -1e-12).all()


def test_the_distance_is_the_height_of_the_lowest_common_ancestor(tree: Hierarchy) -> None:
    for first in range(6):
        for second in range(6):
            pairs = zip(_ancestors(CLASSES[first]), _ancestors(CLASSES[second]), strict=True)
            expected = next((level for level, (a, b) in enumerate(pairs) if a == b), 3)
            assert tree.distance(np.array([first]), np.array([second]))[0] == expected


def test_equal_names_under_different_parents_are_different_ancestors() -> None:
    tree = Hierarchy(("a", "b"), ("family", "genus"), {"a": ("F", "same"), "b": ("G", "same")})
    assert tree.distance(np.array([0]), np.array([1]))[0] == 3


def _sure_photos(count: int, seed: int, trusted: float) -> tuple[Floats, NDArray[np.int64]]:
    """One level; an answer that claims p is right with probability p * trusted."""
    rng = np.random.default_rng(seed)
    claimed = 1 - 0.7 * rng.random(count) ** 2  # sure more often than not
    return claimed[:, None], np.where(rng.random(count) < claimed * trusted, 0, 1)


@pytest.mark.parametrize("trusted", [1.0, 0.97])
def test_answers_above_a_learned_threshold_reach_the_target_accuracy(trusted: float) -> None:
    kept = []
    for seed in range(60):
        paths, distances = _sure_photos(1000, seed, trusted)
        threshold = learn_threshold(paths, distances, 0.9)
        assert threshold is not None
        fresh, truth = _sure_photos(4000, seed + 1000, trusted)
        answered = answer_levels(fresh, threshold) == 0
        kept.append((truth[answered] == 0).mean() >= 0.9)
    assert np.mean(kept) >= 0.75


def test_no_threshold_is_learned_if_none_reaches_the_target_accuracy() -> None:
    paths, distances = _sure_photos(500, 0, 0.5)
    assert learn_threshold(paths, distances, 0.9) is None
    assert learn_threshold(np.zeros((0, 2)), np.zeros(0, dtype=np.int64), 0.9) is None


@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.95])
def test_the_number_of_correct_photos_needed_for_a_target_accuracy(wanted: float) -> None:
    needed = photos_needed_without_error(wanted)
    for count, vouched in ((needed, True), (needed - 1, False)):
        threshold = learn_threshold(np.full((count, 1), 0.99), np.zeros(count, dtype=np.int64), wanted)
        assert (threshold is not None) == vouched


def test_the_bound_lies_above_the_rate_and_falls_with_more_photos() -> None:
    assert error_bound(0, 0) == error_bound(5, 5) == 1.0
    assert 0.1 < error_bound(10, 100) < error_bound(1, 10)
