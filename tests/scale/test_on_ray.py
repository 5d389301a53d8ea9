"""Bulk work on two local nodes: the results of one process, each once although a worker or a node is killed."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import fieldmark
from fieldmark.catalogue.answer_queries import AnswerLevels
from fieldmark.errors import SettingError
from fieldmark.scale.check_on_ray import Look, check_on_ray
from fieldmark.scale.embed_photos import embed_photos
from fieldmark.scale.predict_on_ray import predict_on_ray

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def second_node() -> Iterator[Callable[[], None]]:
    """A cluster of two nodes on this machine, with one core and so one worker on each; kills the second node."""
    ray = pytest.importorskip("ray", reason="needs the scale extra")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args=node)
        second = cluster.add_node(**node)
        ray.init(address=cluster.address, log_to_driver=False)
        yield lambda: cluster.remove_node(second, allow_graceful=False)
        ray.shutdown()
        cluster.shutdown()


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
    second_node: Callable[[], None], fitted: Path, listed: Path, tmp_path: Path, command: Callable[..., Any]
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
    second_node: Callable[[], None],
    fitted: Path,
    listed: Path,
    tmp_path: Path,
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # the workers were started elsewhere
    recognizer = fieldmark.load(fitted, device="cpu")
    names = pq.read_table(listed)["Path"].to_pylist()
    here, there = tmp_path / "here", tmp_path / "there"
    report = embed_photos(recognizer, [str(listed)], "there", engine="ray", device="cpu", cores=1, shard=9)
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


def test_check_reports_what_one_process_reports_although_a_node_dies(
    second_node: Callable[[], None], birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "photos"
    for number, folder in enumerate(sorted(birds.iterdir())):
        (data / folder.name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[:8]:
            shutil.copyfile(photo, data / folder.name / f"{number}-{photo.name}")
    first, *_, last = sorted(data.rglob("*.jpg"))
    shutil.copyfile(first, last.parent / "copy.jpg")
    (first.parent / "empty.jpg").touch()
    (last.parent / "cut.jpg").write_bytes(last.read_bytes()[:-2000])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_CACHE", str(tmp_path / "cache"))  # the workers compute their own embeddings
        (tmp_path / "cache").mkdir()
        patch.chdir(tmp_path)
        expected = fieldmark.check("photos").to_dict()

    def kill_after_one(looks: Iterable[Look], *_: str, total: int) -> Iterator[Look]:
        for number, look in enumerate(looks):
            if number == 0:
                second_node()
            yield look

    import ray

    monkeypatch.setattr("fieldmark.scale.check_on_ray.track", kill_after_one)
    monkeypatch.chdir(tmp_path)
    found = check_on_ray(fieldmark.read("photos"), shard=5).to_dict()
    assert found == expected
    assert [node["Alive"] for node in ray.nodes()].count(True) == 1
    assert {"empty", "truncated", "two_labels"} <= {finding["code"] for finding in found["findings"]}
