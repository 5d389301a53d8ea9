"""A process that changes a model is killed at random moments; a reader finds the old state or the new one each time.

``benchmarks/kill.py`` does the same to the commands, as often as it is told.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
import threading
import time
from collections import Counter
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from fieldmark.artifact.gallery import Gallery, GalleryRow
from fieldmark.artifact.generations import changing
from fieldmark.artifact.load import load_manifest
from fieldmark.recognizer.enroll import enroll, unenroll
from fieldmark.recognizer.nearest import nearest_photos
from fieldmark.recognizer.predictor import Predictor

pytestmark = pytest.mark.long

KILLS = 10


def _refit(model: Path, source: Path) -> None:
    """Write the files of another model into the folder as a new generation, as a fit does."""
    import lancedb

    other = load_manifest(source)
    assert other.gallery is not None
    held = lancedb.connect(str(source / "gallery")).open_table(other.gallery.table).to_arrow()
    columns = (held[name].to_pylist() for name in ("path", "label", "split"))
    rows = [GalleryRow(*row) for row in zip(*columns, strict=True)]
    vectors = np.array(held["vector"].to_pylist(), dtype=np.float32)
    with changing(model, create=True) as change:
        for name in other.checksums:
            stem, hashed = name.rsplit("-", 1)
            added = change.add(stem + Path(hashed).suffix, partial(shutil.copyfile, source / name))
            assert added == name, "a file is named by its content"
        facts = Gallery.create("gallery", model, rows, vectors, other.gallery.key, other.gallery.table)
        change.commit(other.model_copy(update={"gallery": facts}), "refit")


def _change_until_killed(model: Path, sources: list[Path], photos: list[Path], seed: int, ready: Connection) -> None:
    draw = random.Random(seed)
    assert Predictor(model).gallery.rows()  # imports and opens everything once
    ready.send("ready")
    while True:
        enrolled = [facts.label for facts in load_manifest(model).enrolled]
        if draw.random() < 0.3:
            _refit(model, draw.choice(sources))
        elif enrolled:
            unenroll(model, enrolled[0])
        else:
            enroll(model, "new", photos)


def _seconds_of_a_change(model: Path, photos: list[Path]) -> float:
    started = time.monotonic()
    enroll(model, "new", photos)
    unenroll(model, "new")
    return (time.monotonic() - started) / 2


def _answers(model: Path, photos: list[Path]) -> bytes:
    recognizer = Predictor(model)
    near, _ = nearest_photos(recognizer, photos[:1], 3)
    assert len(near[0]) == 3
    return recognizer.scores(photos).probabilities.tobytes()


class _Reader(threading.Thread):
    """Opens the model again and again until it is stopped."""

    def __init__(self, model: Path, photos: list[Path], states: dict[bytes, str]) -> None:
        super().__init__(daemon=True)
        self.model, self.photos, self.states = model, photos, states
        self.seen: Counter[str] = Counter()
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                self.seen[self.states.get(_answers(self.model, self.photos), "neither")] += 1
            except Exception as error:
                self.seen[f"{type(error).__name__}: {error}"] += 1
            time.sleep(0.2)  # leave processor time to the writer


@pytest.fixture
def states(fitted: Path, refitted: Path, birds: Path, tmp_path: Path) -> dict[bytes, str]:
    """Every state that the folder may have, by its answers."""
    photos = sorted(birds.rglob("*.jpg"))[::24]
    found = {}
    for source in (fitted, refitted):
        copy = shutil.copytree(source, tmp_path / source.parent.name)
        found[_answers(copy, photos)] = source.parent.name
        enroll(copy, "new", photos[:2])
        found[_answers(copy, photos)] = f"{source.parent.name} and new"
    assert len(found) == 4
    return found


def test_a_reader_finds_the_old_or_the_new_state_after_each_kill(
    model_copy: Path, fitted: Path, refitted: Path, birds: Path, states: dict[bytes, str]
) -> None:
    photos = sorted(birds.rglob("*.jpg"))[::24]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fieldmark.recognizer.enroll", "safetensors.numpy", "lancedb"])
    pace = max(1.5, 2 * _seconds_of_a_change(model_copy, photos[:2]))  # on a busy machine changes take longer
    reader, draw = _Reader(model_copy, photos, states), random.Random(0)
    reader.start()
    for kill in range(KILLS):
        receives, sends = context.Pipe(duplex=False)
        arguments = (model_copy, [fitted, refitted], photos[:2], kill, sends)
        process = context.Process(target=_change_until_killed, args=arguments, daemon=True)
        process.start()
        assert receives.poll(120)
        assert receives.recv() == "ready"
        time.sleep(draw.uniform(0.0, pace))
        process.kill()
        process.join()
        assert _answers(model_copy, photos) in states, f"kill {kill} left neither state"
    reader.stopped.set()
    reader.join()
    assert set(reader.seen) <= set(states.values()), reader.seen
    assert load_manifest(model_copy).generation > 5
    _refit(model_copy, fitted)
    kept = {path.name for path in model_copy.iterdir()}
    assert not [name for name in kept if name.endswith(".part")]
    assert len(list(model_copy.glob("model-*.onnx"))) <= 2
