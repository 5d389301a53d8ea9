"""The feedback list of a model folder obeys the laws of generations: atomic, locked, collected, and undone."""

from __future__ import annotations

import io
import multiprocessing
import random
import time
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from PIL import Image

from fieldmark import SettingError
from fieldmark.artifact.correction import MAX_CORRECTIONS, Correction
from fieldmark.artifact.feedback_list import add_to_feedback, corrected_photos, remove_from_feedback
from fieldmark.artifact.generations import KEPT, changing
from fieldmark.artifact.history import rollback, versions
from fieldmark.artifact.load import load_manifest, verified_file
from fieldmark.data.feedback_photo import FEEDBACK_PHOTO

KILLS = 12


def _write(number: int, path: Path) -> None:
    Image.frombytes("RGB", (8, 8), random.Random(number).randbytes(3 * 8 * 8)).save(path, "JPEG")


def _add(model: Path, number: int, label: str) -> Correction | None:
    with changing(model) as change:
        photo = change.add(FEEDBACK_PHOTO, partial(_write, number))
        made = Correction(
            photo=photo, label=label, answer="crow", probability=0.5, name="a.jpg", made="2026-01-01", answered_by=1
        )
        return add_to_feedback(change, made)


def _remove(model: Path, *ids: str) -> list[str]:
    with changing(model) as change:
        return [one.label for one in remove_from_feedback(change, ids)]


def _labels(model: Path) -> list[str]:
    return [one.label for one in load_manifest(model).feedback]


def _photos(model: Path) -> set[str]:
    return {path.name for path in model.glob("feedback-*.jpg")}


def test_many_corrections_are_one_generation_that_rollback_can_undo(model_copy: Path) -> None:
    for number in range(3 * KEPT):
        _add(model_copy, number, f"class {number}")
    assert [(one.number, one.change, one.corrections) for one in versions(model_copy)] == [
        (1 + 3 * KEPT, f"feedback: {3 * KEPT} corrections", 3 * KEPT),
        (1, "fit with linear_probe", 0),
    ]
    rollback(model_copy)
    assert _labels(model_copy) == []
    assert len(_photos(model_copy)) == 3 * KEPT  # the generation that has them is still kept
    rollback(model_copy, 1 + 3 * KEPT)
    assert len(_labels(model_copy)) == 3 * KEPT


def test_a_change_of_the_model_itself_is_kept_between_two_runs_of_corrections(model_copy: Path) -> None:
    _add(model_copy, 0, "first")
    with changing(model_copy) as change:
        assert change.current is not None
        figures = change.current.model_copy(update={"figures": {"val_top1": 0.5}})
        change.commit(figures, "another fit")
    _add(model_copy, 1, "second")
    _add(model_copy, 2, "third")
    assert [one.change for one in versions(model_copy)] == [
        "feedback: 3 corrections",
        "another fit",
        "feedback: 1 correction",
        "fit with linear_probe",
    ]


def test_the_last_correction_of_a_photo_counts(model_copy: Path) -> None:
    assert _add(model_copy, 0, "rook") is None
    _add(model_copy, 1, "jay")
    replaced = _add(model_copy, 0, "raven")
    assert replaced is not None
    assert replaced.label == "rook"
    assert _labels(model_copy) == ["jay", "raven"]


def test_a_removed_photo_leaves_the_folder(model_copy: Path) -> None:
    _add(model_copy, 0, "rook")
    _add(model_copy, 1, "jay")
    first = load_manifest(model_copy).feedback[0]
    assert _remove(model_copy, first.id[:6]) == ["rook"]
    assert _photos(model_copy) == {load_manifest(model_copy).feedback[0].photo}
    assert first.photo not in load_manifest(model_copy).checksums
    assert [one.label for one in corrected_photos(model_copy)] == ["jay"]


def test_ids_that_name_nothing_change_nothing(model_copy: Path) -> None:
    _add(model_copy, 0, "rook")
    known = load_manifest(model_copy).feedback[0].id
    for wrong in ("0" * 16, known[:3], ""):
        with pytest.raises(SettingError) as raised:
            _remove(model_copy, known, wrong)
        assert str(raised.value) == (
            f"no correction of {model_copy} has the id '{wrong}': 'fieldmark feedback {model_copy}' lists them"
        )
    assert _labels(model_copy) == ["rook"]


def test_a_full_list_refuses_more(model_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fieldmark.artifact.feedback_list as module

    assert MAX_CORRECTIONS == 1000
    monkeypatch.setattr(module, "MAX_CORRECTIONS", 2)
    _add(model_copy, 0, "rook")
    _add(model_copy, 1, "jay")
    with pytest.raises(SettingError) as raised:
        _add(model_copy, 2, "crow")
    assert str(raised.value) == (
        f"the feedback list of {model_copy} is full (2 corrections): fit with them (--feedback {model_copy}), then "
        f"remove them with 'fieldmark feedback {model_copy} --clear'"
    )
    _add(model_copy, 1, "crow")  # another class for a photo that is there
    assert _labels(model_copy) == ["rook", "crow"]
    assert len(_photos(model_copy)) == 2


def test_exported_and_pushed_models_hold_no_feedback(model_copy: Path, tmp_path: Path) -> None:
    from fieldmark import Recognizer, load
    from fieldmark.artifact.push_model import _shared

    _add(model_copy, 0, "Nobody's business")
    shared = _shared(load_manifest(model_copy))
    assert shared.feedback == []
    assert not [name for name in shared.checksums if name.startswith("feedback-")]
    exported = Recognizer(model_copy).export(tmp_path / "model.onnx")
    assert load(exported.path).manifest.feedback == []
    assert b"Nobody's business" not in exported.path.read_bytes()


def _change_until_killed(model: Path, seed: int, ready: Connection) -> None:
    draw = random.Random(seed)
    load_manifest(model)
    ready.send("ready")
    while True:
        held = load_manifest(model).feedback
        if held and draw.random() < 0.4:
            _remove(model, draw.choice(held).id)
        else:
            _add(model, draw.randrange(60), "rook")


def test_a_kill_leaves_the_old_list_or_the_new_one(model_copy: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fieldmark.artifact.feedback_list", "PIL.Image", "filelock"])
    started = time.monotonic()
    _add(model_copy, 999, "first")
    pace = max(0.3, 3 * (time.monotonic() - started))  # on a busy machine changes take longer
    draw = random.Random(0)
    for kill in range(KILLS):
        receives, sends = context.Pipe(duplex=False)
        process = context.Process(target=_change_until_killed, args=(model_copy, kill, sends), daemon=True)
        process.start()
        assert receives.poll(120)
        assert receives.recv() == "ready"
        time.sleep(draw.uniform(0.0, pace))
        process.kill()
        process.join()
        manifest = load_manifest(model_copy)
        for one in manifest.feedback:
            stored = verified_file(model_copy, manifest, one.photo).read_bytes()
            assert Image.open(io.BytesIO(stored)).size == (8, 8)
    assert load_manifest(model_copy).generation > KILLS // 2
    _add(model_copy, 1000, "last")
    named = {one.photo for one in load_manifest(model_copy).feedback}
    assert _photos(model_copy) == named
    assert not list(model_copy.glob("*.part"))


def _add_ten(model: Path, start: int) -> None:
    for number in range(start, start + 10):
        _add(model, number, f"class {number}")


def test_writers_at_once_lose_nothing(model_copy: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    running = [context.Process(target=_add_ten, args=(model_copy, 10 * number)) for number in range(3)]
    for process in running:
        process.start()
    for process in running:
        process.join(600)
    assert [process.exitcode for process in running] == [0] * 3
    assert sorted(_labels(model_copy)) == sorted(f"class {number}" for number in range(30))
