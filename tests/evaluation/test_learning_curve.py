"""Learning curves against laws that are known: exact curves, simulated photos, and drawn features."""

from __future__ import annotations

import numpy as np
import pytest

from fieldmark.evaluation.learning_curve import (
    FRACTIONS,
    CurveTable,
    extrapolate,
    learning_curve,
    measure_curve,
)
from fieldmark.evaluation.power_law import fit_amplitudes, fit_power_law

SIZES = np.array(FRACTIONS)


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(0.1, 0.2, -0.5), (0.0, 0.3, -0.3), (0.05, 0.02, -1.0)])
def test_an_exact_power_law_is_found(floor: float, scale: float, exponent: float) -> None:
    errors = (floor + scale * SIZES**exponent)[None]
    law = fit_power_law(SIZES, errors, np.full_like(errors, 1e8))
    assert law.exponent[0] == pytest.approx(exponent, abs=0.026)  # half a step of the grid
    assert law(2.0)[0] == pytest.approx(floor + scale * 2.0**exponent, abs=3e-3)
    known = fit_amplitudes(SIZES, errors, np.ones_like(errors), np.array([exponent]))
    np.testing.assert_allclose([known.floor[0], known.scale[0]], [floor, scale], atol=1e-12)


def test_amplitudes_are_those_of_nonnegative_least_squares() -> None:
    from scipy.optimize import nnls

    generator = np.random.default_rng(0)
    errors, weights = generator.random((50, 5)), generator.random((50, 5)) + 0.1
    law = fit_amplitudes(SIZES, errors, weights, np.full(50, -0.5))
    for row in range(50):
        root = np.sqrt(weights[row])
        expected, _ = nnls(np.stack([root, root * SIZES**-0.5], 1), root * errors[row])
        np.testing.assert_allclose([law.floor[row], law.scale[row]], expected, atol=1e-9)


def _simulated(error: np.ndarray, count: int, generator: np.random.Generator) -> CurveTable:
    """Photos that a head gets wrong with a known probability; one that is wrong with many photos was so with few."""
    hardness = generator.random(count)
    correct = (hardness[None] > error[:, None]).astype(np.float64)
    return CurveTable(SIZES, np.tile(SIZES[:, None], (1, 4)), correct, np.zeros(count, dtype=np.int64))


@pytest.mark.parametrize("exponent", [-0.3, -0.5, -0.8])
def test_intervals_hold_the_known_error_at_twice_the_photos(exponent: float) -> None:
    """95% of them should; 40 simulations would fall below 33 with a probability under 0.001."""
    generator = np.random.default_rng(1)
    labels = np.arange(800) % 4
    held = 0
    for _ in range(40):
        table = _simulated(0.08 + 0.15 * SIZES**exponent, 800, generator)
        curve = extrapolate(table, labels, np.arange(800), list("abcd"))
        held += curve.doubled.accuracy.low <= 1 - (0.08 + 0.15 * 2.0**exponent) <= curve.doubled.accuracy.high
    assert held >= 33


def test_classes_differ_where_their_laws_differ() -> None:
    generator = np.random.default_rng(2)
    labels = np.arange(1200) % 3
    errors = np.stack([0.02 + 0 * SIZES, 0.02 + 0.3 * SIZES**-0.5, 0.4 + 0 * SIZES], 1).clip(0, 1)
    correct = (generator.random(1200)[None] > errors[:, labels]).astype(np.float64)
    table = CurveTable(SIZES, np.tile(SIZES[:, None], (1, 3)), correct, labels)
    curve = extrapolate(table, labels, np.arange(1200), ["easy", "starved", "hopeless"])
    gains = {one.label: one.gain for one in curve.by_class}
    assert curve.by_class[0].label == "starved"
    truth = 0.3 * (1 - 2**-0.5)
    assert gains["starved"].low <= truth <= gains["starved"].high
    assert gains["hopeless"].value < truth / 2
    assert gains["easy"].value < truth / 4


def _clouds(each: int, generator: np.random.Generator, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(len(means)), each)
    return (means[labels] + generator.normal(size=(len(labels), means.shape[1]))).astype(np.float32), labels


def test_the_accuracy_at_twice_the_features_is_foreseen() -> None:
    """Gaussian classes: the curve of 40 photos each foresees what cross-validation finds with 80 each."""
    generator = np.random.default_rng(3)
    means = generator.normal(size=(6, 60)) * 0.45
    rows, labels = _clouds(80, generator, means)
    half = np.arange(len(labels)) % 2 == 0
    groups = np.arange(len(labels))
    names = [str(number) for number in range(6)]
    curve, _ = learning_curve(rows[half], labels[half], groups[half], names)
    whole = measure_curve(rows, labels, groups)
    truth = float(whole.correct[-1].mean())  # 64 photos each, 1.6 times as many as there are
    assert curve.now.accuracy.value - 0.01 < truth
    assert curve.doubled.accuracy.low <= truth <= curve.doubled.accuracy.high + 0.01
    assert [point.photos_per_class for point in curve.points] == pytest.approx([4, 8, 16, 24, 32, 40, 80])
    assert sum(one.photos for one in curve.by_class) == int(half.sum())


def test_no_head_sees_photos_of_a_moment_that_it_predicts() -> None:
    """Photos of a group are copies with a label of chance: only a leak could predict them."""
    generator = np.random.default_rng(4)
    base = generator.normal(size=(60, 100)).astype(np.float32)
    groups = np.repeat(np.arange(60), 4)
    table = measure_curve(base[groups], np.repeat(np.arange(60) % 3, 4), groups)
    assert table.correct[-1].mean() < 0.5
    leaky = measure_curve(base[groups], np.repeat(np.arange(60) % 3, 4), np.arange(240))
    assert leaky.correct[-1].mean() > 0.9
