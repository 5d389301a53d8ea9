"""Drift: false alarms about as often as stated, real changes found, and the photos that show them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from fieldmark import fit, load
from fieldmark.evaluation.drift import Sample, compare_samples
from fieldmark.evaluation.two_sample import holm, kernel_test, shares_test


def test_holm_is_statsmodels_example() -> None:
    """Adjusted values of Holm's rule, computed by hand: 0.01 x 4, 0.02 x 3, then never smaller than before."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_distance_is_the_double_sum_of_its_definition() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(12, 3)), generator.normal(size=(9, 3)) + 1
    both = np.concatenate([first, second])
    gaps = np.array([[np.square(x - y).sum() for y in both] for x in both])
    kernel = np.exp(-gaps / np.median(gaps[np.triu_indices(21, 1)]))
    expected = kernel[:12, :12].mean() + kernel[12:, 12:].mean() - 2 * kernel[:12, 12:].mean()
    found = kernel_test(first, second, permutations=9)
    assert found.distance == pytest.approx(expected)
    np.testing.assert_allclose(found.witness, kernel[12:, 12:].mean(1) - kernel[12:, :12].mean(1))


def _sample(count: int, generator: np.random.Generator, *, shift: float = 0.0, tilt: float = 0.0) -> Sample:
    vectors = generator.normal(size=(count, 8))
    vectors[:, 0] += shift
    weights = np.full(5, 0.2) + np.array([tilt, -tilt, 0, 0, 0])
    confidence = np.clip(generator.beta(5, 2, count) - 0.15 * shift, 0, 1)
    return Sample(vectors / np.linalg.norm(vectors, axis=1)[:, None], confidence, generator.choice(5, count, p=weights))


def _alarms(trials: int, **change: float) -> int:
    generator = np.random.default_rng(1)
    found = 0
    for trial in range(trials):
        tests, _ = compare_samples(
            _sample(80, generator), _sample(60, generator, **change), 5, permutations=199, seed=trial
        )
        found += min(test.adjusted for test in tests) <= 0.05
    return found


def test_false_alarms_come_as_often_as_stated() -> None:
    """At a level of 5%, 100 trials give more than 12 with a probability below 0.001."""
    assert _alarms(100) <= 12


def test_changes_are_found() -> None:
    assert _alarms(20, shift=1.0) >= 19
    assert _alarms(20, tilt=0.19) >= 15


def test_p_values_of_equal_samples_are_uniform() -> None:
    from scipy.stats import kstest

    generator = np.random.default_rng(2)
    kernel = [
        kernel_test(generator.normal(size=(30, 4)), generator.normal(size=(20, 4)), permutations=99, seed=k).p_value
        for k in range(100)
    ]
    shares = [
        shares_test(generator.choice(6, 40), generator.choice(6, 30), 6, permutations=99, seed=k) for k in range(100)
    ]
    assert kstest(kernel, "uniform").pvalue > 0.001
    assert kstest(shares, "uniform").pvalue > 0.001


def test_the_witness_points_at_what_is_new() -> None:
    generator = np.random.default_rng(3)
    known = generator.normal(size=(100, 4))
    new = np.concatenate([generator.normal(size=(60, 4)), generator.normal(size=(20, 4)) + np.array([3, 0, 0, 0])])
    witness = kernel_test(known, new).witness
    assert set(np.argsort(-witness)[:12]) <= set(range(60, 80))


@pytest.fixture(scope="module")
def model(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that keeps 30 val photos or more, and a test split that it never saw."""
    out = tmp_path_factory.mktemp("drift") / "model"
    fit(birds, out, method="linear_probe", image_size=96, val_fraction=0.45, test_fraction=0.3)
    return out


def test_the_command_and_its_page(
    command: Callable[..., Any], model: Path, birds: Path, tmp_path: Path, fits_a_phone: Callable[[Path], None]
) -> None:
    recognizer = load(model)
    same = [birds / row.path for row in recognizer.split() if row.split == "test"]
    done = command("drift", model, *same, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert not found["found"]
    assert (found["new"], found["known"]) == (len(same), len(recognizer.open_set.state.val.labels))
    assert found["known"] >= 30
    folder = tmp_path / "night"
    folder.mkdir()
    for number, photo in enumerate(same):
        with Image.open(photo) as image:
            image.convert("RGB").filter(ImageFilter.GaussianBlur(6)).point(lambda v: v // 4).save(
                folder / f"{number}.png"
            )
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    done = command("drift", model, folder, "--json", "--out", tmp_path / "drift.html")
    assert done.code == 1
    found = json.loads(done.out)
    assert found["found"]
    embedding = found["tests"][0]
    assert (embedding["name"], embedding["p_value"]) == ("embedding", 0.001)
    assert found["mean_confidence"][1] < found["mean_confidence"][0]
    assert list(found["errors"]) == [str(folder / "broken.jpg")]
    assert {Path(photo["path"]).parent for photo in found["examples"]} == {folder}
    fits_a_phone(tmp_path / "drift.html")
    page = (tmp_path / "drift.html").read_text()
    assert "The new photos differ from the known ones" in page
    assert page.count("<figure>") == min(24, len(same))


def test_too_few_photos(command: Callable[..., Any], model: Path, fitted: Path, birds: Path) -> None:
    photos = sorted(birds.rglob("*.jpg"))
    done = command("drift", model, *photos[:3])
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "fieldmark: drift needs at least 20 new photos, but 3 can be read: give more",
    )
    done = command("drift", fitted, *photos)
    kept = len(load(fitted).open_set.state.val.labels)
    assert done.err == (
        f"fieldmark: drift is measured against at least 20 val photos, but the model {fitted} keeps {kept}; "
        "fit it on more photos\n"
    )
