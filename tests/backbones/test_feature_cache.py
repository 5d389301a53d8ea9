"""Rows are written once and read unchanged, also after interrupted writers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldmark.backbones.feature_cache import FeatureCache, cache_root, row_key

WIDTH = 5


def _keys(start: int, stop: int) -> list[bytes]:
    return [row_key(str(number)) for number in range(start, stop)]


def _rows(start: int, stop: int) -> NDArray[np.float32]:
    """Row n holds n, n + 0.5, ...: exact in half precision."""
    return (np.arange(start, stop)[:, None] + np.arange(WIDTH) / 2).astype(np.float32)


def _assert_holds(cache: FeatureCache, start: int, stop: int) -> None:
    found = cache.rows_of(_keys(start, stop))
    assert (found >= 0).all()
    np.testing.assert_array_equal(cache.read(found), _rows(start, stop))


def test_rows_are_read_as_written(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, WIDTH)
    cache.append(_keys(0, 3), _rows(0, 3))
    cache.append(_keys(3, 5), _rows(3, 5))
    _assert_holds(cache, 0, 5)
    assert len(cache) == 5
    assert row_key("4") in cache
    assert row_key("5") not in cache
    assert list(cache.rows_of([row_key("9"), row_key("0")])) == [-1, 0]


def test_rows_remain_after_reopening(tmp_path: Path) -> None:
    FeatureCache(tmp_path, WIDTH).append(_keys(0, 4), _rows(0, 4))
    _assert_holds(FeatureCache(tmp_path, WIDTH), 0, 4)


def test_a_subset_of_rows_and_columns(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, WIDTH)
    cache.append(_keys(0, 6), _rows(0, 6))
    chosen = np.array([4, 1, 1])
    np.testing.assert_array_equal(cache.read(chosen, slice(1, 3)), _rows(0, 6)[chosen, 1:3])
    assert cache.read(np.zeros(0, dtype=np.int64), slice(1, 3)).shape == (0, 2)


def test_a_missing_row_is_an_error(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, WIDTH)
    cache.append(_keys(0, 2), _rows(0, 2))
    with pytest.raises(IndexError):
        cache.read(cache.rows_of([row_key("0"), row_key("unknown")]))


def test_half_precision_is_the_only_loss(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(50, WIDTH)).astype(np.float32)
    cache = FeatureCache(tmp_path, WIDTH)
    cache.append(_keys(0, 50), rows)
    np.testing.assert_array_equal(cache.read(np.arange(50)), rows.astype(np.float16).astype(np.float32))


def test_a_known_key_keeps_its_row(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, WIDTH)
    cache.append(_keys(0, 2), _rows(0, 2))
    cache.append(_keys(1, 3), _rows(1, 3) + np.array([[100], [0]], np.float32))
    _assert_holds(cache, 0, 3)


def test_a_key_twice_in_one_call_takes_one_row(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, WIDTH)
    cache.append([*_keys(0, 2), *_keys(0, 1)], np.concatenate([_rows(0, 2), _rows(7, 8)]))
    cache.append(_keys(2, 3), _rows(2, 3))
    for opened in (cache, FeatureCache(tmp_path, WIDTH)):
        _assert_holds(opened, 0, 3)
    assert (tmp_path / "rows.f16").stat().st_size == 3 * WIDTH * 2


@pytest.mark.parametrize("left_behind", [1, WIDTH * 2, WIDTH * 2 + 3, 4 * WIDTH * 2])
def test_rows_without_keys_are_written_over(tmp_path: Path, left_behind: int) -> None:
    """A writer ended between row and key, or within a row."""
    FeatureCache(tmp_path, WIDTH).append(_keys(0, 3), _rows(0, 3))
    with (tmp_path / "rows.f16").open("ab") as file:
        file.write(b"\x7f" * left_behind)
    cache = FeatureCache(tmp_path, WIDTH)
    _assert_holds(cache, 0, 3)
    cache.append(_keys(3, 5), _rows(3, 5))
    _assert_holds(FeatureCache(tmp_path, WIDTH), 0, 5)


def test_half_a_key_does_not_count(tmp_path: Path) -> None:
    FeatureCache(tmp_path, WIDTH).append(_keys(0, 2), _rows(0, 2))
    with (tmp_path / "rows.f16").open("ab") as file:
        file.write(_rows(9, 10).astype(np.float16).tobytes())
    with (tmp_path / "keys.bin").open("ab") as file:
        file.write(row_key("9")[:7])
    cache = FeatureCache(tmp_path, WIDTH)
    assert row_key("9") not in cache
    cache.append(_keys(2, 4), _rows(2, 4))
    _assert_holds(FeatureCache(tmp_path, WIDTH), 0, 4)


def test_keys_whose_rows_were_lost_do_not_count(tmp_path: Path) -> None:
    FeatureCache(tmp_path, WIDTH).append(_keys(0, 4), _rows(0, 4))
    with (tmp_path / "rows.f16").open("r+b") as file:
        file.truncate(2 * WIDTH * 2 + 1)
    cache = FeatureCache(tmp_path, WIDTH)
    assert len(cache) == 2
    cache.append(_keys(2, 4), _rows(2, 4))
    _assert_holds(FeatureCache(tmp_path, WIDTH), 0, 4)


def test_a_reader_sees_what_another_wrote_after_refreshing(tmp_path: Path) -> None:
    reader, writer = FeatureCache(tmp_path, WIDTH), FeatureCache(tmp_path, WIDTH)
    writer.append(_keys(0, 2), _rows(0, 2))
    reader.refresh()
    _assert_holds(reader, 0, 2)


_WRITER = """
import sys
import numpy as np
from pathlib import Path
from fieldmark.backbones.feature_cache import FeatureCache, row_key
cache = FeatureCache(Path(sys.argv[1]), 5)
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    cache.append([row_key(str(number))], (number + np.arange(5)[None] / 2).astype(np.float32))
"""


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """Their ranges overlap, so they also compete for the same keys."""
    ranges = ((0, 60), (30, 90))
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), *map(str, numbers)]) for numbers in ranges
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    cache = FeatureCache(tmp_path, WIDTH)
    assert len(cache) == 90
    _assert_holds(cache, 0, 90)
    assert (tmp_path / "rows.f16").stat().st_size == 90 * WIDTH * 2


def test_every_part_of_a_key_counts() -> None:
    keys = {row_key("a"), row_key("b"), row_key("a", trim_bottom=20), row_key("a", mirror=True)}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {16}


def test_the_environment_variable_sets_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("FIELDMARK_CACHE")
    assert cache_root().name == "fieldmark"
