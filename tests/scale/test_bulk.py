"""Shards, places of results, and the gallery that bulk work fills, without a cluster."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fieldmark
from fieldmark.artifact.lance_tables import vector_index
from fieldmark.catalogue.answer_queries import AnswerLevels
from fieldmark.check import CheckReport, check
from fieldmark.errors import DataError, SettingError
from fieldmark.scale.bulk import columns_of, work_on_shards
from fieldmark.scale.embed_photos import EmbedShard, embed_photos
from fieldmark.scale.lance_store import LanceStore
from fieldmark.scale.part_store import PartStore
from fieldmark.scale.photo_shards import ParquetShard, digest_of, shards_of
from fieldmark.scale.predict_on_ray import AnswerShard
from fieldmark.scale.result_store import store_at


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
    for name, sentence in (
        ("my table.lance", "its name may have letters, digits, '_', '-' and '.': rename it"),
        (
            "memory://a/table.lance",
            "which lies in a folder or in one of s3, gs, az: name such a place, or a folder for Parquet files",
        ),
    ):
        with pytest.raises(SettingError) as refused:
            LanceStore(name, "answers").open({"shard": 4})
        assert str(refused.value).startswith(f"--out {name} names a Lance table")
        assert str(refused.value).endswith(sentence)
    mine = tmp_path / "mine.lance"
    lancedb.connect(tmp_path).create_table("mine", [{"a": 1}])
    with pytest.raises(SettingError, match="holds something else than answers: name a new folder"):
        LanceStore(str(mine), "answers").open({"shard": 4})
    for options, sentence in (
        (["--csv"], "--engine ray answers each photo by itself into Parquet or Lance: leave out --csv"),
        ([], "--engine ray needs --out: a folder or address for Parquet files, or a Lance table NAME.lance"),
    ):
        done = command("predict", fitted, "a.jpg", "--engine", "ray", *options)
        assert (done.code, done.err.strip()) == (2, f"fieldmark: {sentence}")


def test_a_lance_table_has_the_rows_of_the_parquet_files_though_the_run_was_killed(
    fitted: Path, listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any]
) -> None:
    recognizer = fieldmark.load(fitted, device="cpu")
    files, table = tmp_path / "vectors", tmp_path / "vectors.lance"
    embed_photos(recognizer, [str(listed)], str(files), shard=3)

    embedded: list[int] = []
    whole = EmbedShard.__call__

    def killed(work: EmbedShard, number: int, shard: Any) -> tuple[int, int]:
        if len(embedded) == 4:
            raise KeyboardInterrupt
        embedded.append(number)
        return whole(work, number, shard)

    monkeypatch.setattr(EmbedShard, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        embed_photos(recognizer, [str(listed)], str(table), shard=3)
    assert not table.exists()
    monkeypatch.setattr(EmbedShard, "__call__", whole)
    (tmp_path / "vectors.lance" / "data").mkdir(parents=True)  # left by a run that ended while it wrote the table
    report = embed_photos(recognizer, [str(listed)], str(table), shard=3)
    assert (report.photos, report.earlier_photos, report.failed, report.is_table) == (6, 10, 1, True)
    assert not Path(f"{table}.parts").exists()

    held = lancedb.connect(tmp_path).open_table("vectors")
    found, expected = held.to_arrow(), pq.read_table(files)
    assert found.schema.field("embedding").type == pa.list_(pa.float32(), recognizer.open_set.width)
    assert found.to_pylist() == expected.to_pylist()
    assert found["species"].to_pylist() == pq.read_table(listed)["species"].to_pylist()
    assert "pixels" not in found.column_names
    held.create_index("embedding", config=vector_index(len(found)))
    first = found["embedding"][0].as_py()
    assert held.search(np.array(first, np.float32)).limit(1).to_list()[0]["path"] == found["path"][0].as_py()

    again = embed_photos(recognizer, [str(listed)], str(table), shard=3)
    assert (again.photos, again.earlier_photos, again.failed) == (0, 16, 1)
    other = command("embed", fitted, listed, listed, "--out", table)
    assert (other.code, other.err.strip()) == (
        2,
        f"fieldmark: --out {table} holds embeddings of other photos: name a new folder, or give what the first run was "
        "given to complete it",
    )


def test_answers_are_the_same_in_parquet_and_in_lance(fitted: Path, listed: Path, tmp_path: Path) -> None:
    recognizer, shards = fieldmark.load(fitted, device="cpu"), shards_of([str(listed)], 9)
    for name in ("answers", "answers.lance"):
        store, levels = store_at(str(tmp_path / name), "answers"), AnswerLevels(2)
        work = AnswerShard(recognizer, store, levels, columns_of(shards))
        work_on_shards("a model", shards, store, work, {"levels": asdict(levels)}, engine="local")
    found = lancedb.connect(tmp_path).open_table("answers").to_arrow()
    assert found.to_pylist() == pq.read_table(tmp_path / "answers").to_pylist()
    assert found["unknown"].type == pa.bool_()
    assert found["species"].to_pylist() == pq.read_table(listed)["species"].to_pylist()
    assert [position for position, error in enumerate(found["error"].to_pylist()) if error] == [5]


def test_embeddings_become_known_photos(
    birds: Path,
    model_copy: Path,
    listed: Path,
    tmp_path: Path,
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = fieldmark.load(model_copy)
    more = tmp_path / "elsewhere" / "new photos"
    more.mkdir(parents=True)
    for photo in sorted(birds.rglob("*.jpg"))[:2]:
        shutil.copyfile(photo, more / photo.name)
    table = tmp_path / "more.csv"
    names = [*pq.read_table(listed)["Path"].to_pylist(), *map(str, sorted(more.iterdir())), str(next(more.iterdir()))]
    table.write_text("\n".join(["path,species", *(f"{name.removeprefix('file://')},robin" for name in names)]))
    vectors = tmp_path / "vectors.lance"
    done = command("embed", model_copy, table, "--out", vectors)
    assert done.err.splitlines()[-2:] == [
        f"embedded 19 photos; {vectors} holds 19 rows",
        "1 photo could not be read: see the column error",
    ]

    split = {row.path: row.split for row in before.split()}
    own = [Path(name.removeprefix("file://")).relative_to(birds).as_posix() for name in names[:16]]
    tests = sum(split.get(name) == "test" for name in own)
    assert tests > 0
    total = before.manifest.gallery.rows
    monkeypatch.setattr("fieldmark.artifact.gallery.INDEX_FROM", total + 2)
    said = command("gallery", model_copy, vectors, "--label-col", "species")
    assert said.err.splitlines() == [
        f"added 2 photos; the gallery of {model_copy} holds {total + 2} photos",
        f"{15 - tests + 1} photos there already",
        f"{tests} photos of the test split left out",
        "1 photo without an embedding",
    ]
    after = fieldmark.load(model_copy)
    assert [index.index_type for index in after.gallery._table.list_indices()] == ["IvfSq"]
    newest = after.versions()[0]
    assert (newest.number, newest.change) == (2, "add 2 known photo(s)")
    added = {row.path: (row.label, row.split) for row in after.gallery.rows()}
    assert {name: added[name] for name in added if added[name][1] == "added"} == {
        photo.name: ("robin", "added") for photo in more.iterdir()
    }
    nearest = after.search(next(more.iterdir()), k=2)
    assert nearest[0].similarity == pytest.approx(1, abs=1e-5)
    assert "robin" in {one.label for one in nearest}
    assert after.predict(names[0]).label == before.predict(names[0]).label

    embedded = command("embed", model_copy, table, "--out", vectors)  # it is still the same embedding
    assert embedded.err.splitlines()[0] == f"embedded 0 photos; {vectors} holds 19 rows; 19 of them were there"
    again = command("gallery", model_copy, vectors, "--by-folder", "--json")
    assert json.loads(again.out)["added"] == 0
    assert [one.number for one in after.versions()] == [2, 1]  # nothing changed
    after.rollback()
    assert {row.path for row in after.gallery.rows()} == {row.path for row in before.gallery.rows()}


def test_what_cannot_become_known_photos_is_one_sentence(
    fitted: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    def refused(*options: object) -> str:
        done = command("gallery", fitted, *options)
        assert done.code == 2
        return str(done.err.strip())

    vectors = tmp_path / "vectors"
    assert refused(vectors) == (
        f"fieldmark: expected embeddings at {vectors}, found none: write them with fieldmark embed, or check the path"
    )
    store = PartStore(str(vectors), "embeddings")
    store.open({"gallery": "of another model"})
    assert refused(vectors) == (
        f"fieldmark: the embeddings at {vectors} are those of another model: embed the photos with this one"
    )
    shutil.rmtree(vectors)
    store.open({"gallery": fieldmark.load(fitted).manifest.gallery.key})
    store.write(0, pa.table({"path": ["a.jpg"], "embedding": [[0.0]], "error": [""], "place": ["here"]}), 0)
    assert refused(vectors) == (
        f"fieldmark: expected a column 'label' in {vectors}, but it has: path, embedding, error, place; name it with "
        "--label-col, or give --by-folder"
    )
    assert refused(vectors, "--label-col", "Species") == (
        f"fieldmark: expected a column 'Species' in {vectors}, but it has: path, embedding, error, place; correct "
        "--label-col"
    )
    assert refused(vectors, "--label-col", "a", "--by-folder") == (
        "fieldmark: --label-col and --by-folder exclude each other: give one of them"
    )


def test_check_takes_the_engine_and_its_cores(
    birds: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any]
) -> None:
    asked: list[dict[str, Any]] = []

    def looked_over(records: fieldmark.RecordList, **options: Any) -> CheckReport:
        asked.append(options)
        return check(records, deep=options["deep"])

    monkeypatch.setattr("fieldmark.scale.check_on_ray.check_on_ray", looked_over)
    done = command("check", birds, "--fast", "--json", "--engine", "ray", "--cores", "2")
    assert json.loads(done.out) == json.loads(command("check", birds, "--fast", "--json").out)
    assert asked == [{"deep": False, "seed": 0, "cores": 2}]
    for words in (["check", birds], ["embed", "model", "a.jpg"], ["predict", "model", "a.jpg"]):
        done = command(*words, "--cores", "2")
        sentence = "fieldmark: --cores belongs to --engine ray: leave it out, or add the engine"
        assert (done.code, done.err.strip()) == (2, sentence)
