"""Bulk prediction on a small local cluster: the rows of `predict --csv`, each once although a worker is killed."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fieldmark
from fieldmark.catalogue.answer_queries import AnswerLevels
from fieldmark.errors import DataError, SettingError
from fieldmark.scale.embed_photos import embed_photos
from fieldmark.scale.part_store import PartStore
from fieldmark.scale.photo_shards import ParquetShard, digest_of, shards_of
from fieldmark.scale.predict_on_ray import predict_on_ray

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two cores of this machine, with one worker on each."""
    ray = pytest.importorskip("ray", reason="needs the scale extra")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80 << 20)
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def listed(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet table of 16 photos, one of them missing, and one by its address."""
    files = [str(file) for file in sorted(birds.rglob("*.*"))[::6]]
    files[5], files[7] = str(birds / "missing.jpg"), f"file://{files[7]}"
    table = tmp_path_factory.mktemp("listed") / "photos.parquet"
    pq.write_table(pa.table({"Path": files, "other": list(range(len(files)))}), table, row_group_size=10)
    return table


def kill_a_worker(out: Path) -> None:
    """Kill one worker once a part is written."""
    end = time.monotonic() + 120
    while not list(out.glob("part-*.parquet")) and time.monotonic() < end:
        time.sleep(0.01)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"ShardWorker" in (folder / "cmdline").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)
                return


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [row for part in sorted(out.glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()]


def test_each_photo_has_the_row_of_the_csv_once_although_a_worker_dies(
    cluster: None, fitted: Path, listed: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    out = tmp_path / "answers"
    recognizer = fieldmark.load(fitted, device="cpu")
    killer = threading.Thread(target=kill_a_worker, args=(out,))
    killer.start()
    report = predict_on_ray(recognizer, [str(listed)], str(out), AnswerLevels(2), device="cpu", cores=1, shard=2)
    killer.join()
    assert (report.photos, report.parts, report.earlier, report.failed) == (16, 8, 0, 1)

    names = tmp_path / "names.txt"
    paths = pq.read_table(listed)["Path"].to_pylist()
    names.write_text("\n".join(name.removeprefix("file://") for name in paths))
    expected = list(
        csv.DictReader(command("predict", fitted, "--files-from", names, "--csv", "--top", "2").out.splitlines())
    )
    found = rows_of(out)
    assert [row["path"] for row in found] == paths
    for row, other in zip(found, expected, strict=True):
        for title, text in other.items():
            if title != "path":
                value = row[title]
                as_text = "" if value is None else str(value).lower() if isinstance(value, bool) else value
                assert (float(text) if isinstance(value, float) else text) == as_text, title

    times = {part: part.stat().st_mtime_ns for part in out.glob("part-*")}
    (out / "part-000003.parquet").unlink()
    again = predict_on_ray(recognizer, [str(listed)], str(out), AnswerLevels(2), device="cpu", cores=1, shard=2)
    assert (again.photos, again.earlier, again.failed) == (2, 7, 1)
    assert rows_of(out) == found
    changed = [part.name for part, before in times.items() if part.stat().st_mtime_ns != before]
    assert changed == ["part-000003.parquet"]
    with pytest.raises(SettingError) as refused:
        predict_on_ray(recognizer, [str(listed)], str(out), AnswerLevels(3), shard=2)
    assert str(refused.value) == (
        f"--out {out} holds answers of other options: name a new folder, or give what the first run was given to "
        "complete it"
    )


def test_embeddings_are_those_of_the_model_here_and_on_workers(
    cluster: None, fitted: Path, listed: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    recognizer = fieldmark.load(fitted, device="cpu")
    names = pq.read_table(listed)["Path"].to_pylist()
    here, there = tmp_path / "here", tmp_path / "there"
    report = embed_photos(recognizer, [str(listed)], str(there), engine="ray", device="cpu", cores=1, shard=9)
    assert (report.photos, report.parts, report.earlier, report.failed) == (16, 3, 0, 1)
    done = command("embed", fitted, listed, "--out", here)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-2:] == [
        f"embedded 16 photos; {here} holds 2 files",
        "1 photo could not be read: see the column error",
    ]

    expected = recognizer.embeddings([name.removeprefix("file://") for name in names])
    for folder in (here, there):
        table = pq.read_table(folder)  # the whole folder, as pandas, DuckDB and Spark read it
        assert table["path"].to_pylist() == names
        assert [position for position, error in enumerate(table["error"].to_pylist()) if error] == [5]
        assert table["embedding"].to_pylist()[5] is None
        vectors = np.array([one for one in table["embedding"].to_pylist() if one is not None], np.float32)
        np.testing.assert_allclose(vectors, np.delete(expected.vectors, 5, axis=0), atol=1e-6)

    again = command("embed", fitted, listed, "--out", here)
    assert again.err.splitlines()[-2] == f"embedded 0 photos; {here} holds 2 files; 2 of them were there"
    other = command("embed", fitted, listed, listed, "--out", here)
    assert (other.code, other.err.strip()) == (
        2,
        f"fieldmark: --out {here} holds embeddings of other photos: name a new folder, or give what the first run was "
        "given to complete it",
    )


def test_folders_lists_and_parquet_files_become_shards_in_their_order(birds: Path, listed: Path) -> None:
    folder = sorted(birds.iterdir())[0]
    photos = sorted(folder.iterdir())
    shards = shards_of([str(folder), str(listed), f"file://{folder}", str(photos[0])], 20)
    queries = [query for shard in shards for query in shard.queries()]
    addresses = [query.name for query in queries[len(photos) + 16 : -1]]
    assert [query.name for query in queries[: len(photos)]] == [str(photo) for photo in photos]
    assert addresses == [f"file://{photo}" for photo in photos]
    assert [(one.row_group, one.start, one.stop) for one in shards if isinstance(one, ParquetShard)] == [
        (0, 0, 10),
        (1, 0, 6),
    ]
    assert max(len(shard.queries()) for shard in shards) <= 20
    assert digest_of(shards) == digest_of(shards_of([str(folder), str(listed), f"file://{folder}", str(photos[0])], 20))
    assert digest_of(shards) != digest_of(shards[1:])
    image = fieldmark.recognizer.inputs.to_image(queries[-2].photo)
    assert image.size == (128, 128)


def test_wrong_input_is_one_sentence(tmp_path: Path, fitted: Path, command: Callable[..., Any]) -> None:
    table = tmp_path / "a.parquet"
    pq.write_table(pa.table({"name_of_it": ["a.jpg"]}), table)
    with pytest.raises(
        DataError, match=r"expected a column 'path' in .*, but it has: name_of_it; name the column with"
    ):
        shards_of([str(table)], 4)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="holds no photos; name a folder or a file with photos"):
        shards_of([f"file://{empty}"], 4)
    (empty / "notes.txt").write_text("mine")
    with pytest.raises(SettingError, match="holds something else than answers: name a new folder"):
        PartStore(str(empty), "answers").open({"shard": 4})
    for options, sentence in (
        (["--csv"], "--engine ray answers each photo by itself into Parquet files: leave out --csv"),
        ([], "--engine ray needs --out: the folder or address of the Parquet files"),
    ):
        done = command("predict", fitted, "a.jpg", "--engine", "ray", *options)
        assert (done.code, done.err.strip()) == (2, f"fieldmark: {sentence}")
    assert command("predict", fitted, "a.jpg", "--cores", "2").code == 2
