"""The design matrix: scaling, joined descriptors, chunks, and rows of all views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldmark.backbones.feature_cache import FeatureCache, row_key
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.training.frozen import design_matrix
from fieldmark.training.frozen.design_matrix import DesignMatrix, fit_scaling

COLUMNS = {"avg": slice(0, 3), "cov": slice(3, 8)}


@pytest.fixture
def table(tmp_path: Path) -> FeatureTable:
    """9 photos with 2 views; the order of the cache's rows differs from that of the photos."""
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(18, 8)) * ([10] * 3 + [0.1] * 5) + 2).astype(np.float32)
    cache = FeatureCache(tmp_path, 8)
    cache.append([row_key(str(number)) for number in range(18)], values)
    return FeatureTable(cache, rng.permutation(18).reshape(9, 2), COLUMNS, {})


def test_scaling_gives_zero_mean_and_unit_energy(table: FeatureTable) -> None:
    for name in COLUMNS:
        rows = fit_scaling(table, name, np.arange(9))(table.read(name))
        np.testing.assert_allclose(rows.mean(0), 0, atol=1e-5)
        assert np.square(rows).sum(1).mean() == pytest.approx(1.0, rel=1e-4)


def test_scaling_in_parts_is_that_of_all_rows_at_once(table: FeatureTable, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table.read("cov")
    monkeypatch.setattr(design_matrix, "_CHUNK_RECORDS", 4)
    scaling = fit_scaling(table, "cov", np.arange(9))
    np.testing.assert_array_equal(scaling.center, rows.mean(0))
    assert scaling.scale == pytest.approx(np.square(rows - rows.mean(0)).sum(1).mean() ** -0.5, rel=1e-6)


def test_constant_descriptors_stay_finite(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "constant", 8)
    cache.append([row_key(str(number)) for number in range(4)], np.ones((4, 8), np.float32))
    table = FeatureTable(cache, np.arange(4)[:, None], COLUMNS, {})
    assert np.isfinite(fit_scaling(table, "avg", np.arange(4))(table.read("avg"))).all()


def test_columns_follow_the_scalings(table: FeatureTable) -> None:
    positions = np.array([5, 0, 7])
    scalings = {name: fit_scaling(table, name, positions) for name in ("cov", "avg")}
    rows = DesignMatrix(table, positions, scalings).read()
    assert rows.shape == (3, 8)
    np.testing.assert_allclose(rows[:, :5], scalings["cov"](table.read("cov", positions)))
    np.testing.assert_allclose(rows[:, 5:], scalings["avg"](table.read("avg", positions)))


def test_views_of_a_photo_lie_beside_each_other(table: FeatureTable) -> None:
    scalings = {"avg": fit_scaling(table, "avg", np.arange(9))}
    matrix = DesignMatrix(table, np.arange(9), scalings, views=range(2))
    assert len(matrix) == 18
    rows = matrix.read()
    for view in range(2):
        np.testing.assert_array_equal(rows[view::2], scalings["avg"](table.read("avg", view=view)))


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("chunk_bytes", [1, 100, 1 << 20])
def test_joined_chunks_equal_the_whole_matrix(
    table: FeatureTable, views: int, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(design_matrix, "_CHUNK_BYTES", chunk_bytes)
    matrix = DesignMatrix(table, np.arange(9), {"cov": fit_scaling(table, "cov", np.arange(9))}, views=range(views))
    chunks = list(matrix.chunks())
    np.testing.assert_array_equal(np.concatenate([values for _, values in chunks]), matrix.read())
    covered = [row for where, _ in chunks for row in range(where.start, where.stop)]
    assert covered == list(range(9 * views))


def test_a_sample_is_enough_for_the_scaling(table: FeatureTable) -> None:
    np.testing.assert_array_equal(
        fit_scaling(table, "avg", np.arange(9), limit=3).center, table.read("avg", np.arange(0, 9, 3)).mean(0)
    )
