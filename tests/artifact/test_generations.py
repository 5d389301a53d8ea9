"""A model folder changes by generations: what they keep, what they drop, and the way back."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldmark import Recognizer, SettingError, fit, load
from fieldmark.artifact.generations import KEPT, changing
from fieldmark.artifact.history import rollback, versions
from fieldmark.artifact.load import load_manifest
from fieldmark.artifact.save import check_out
from fieldmark.recognizer.enroll import enroll, unenroll


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::12]


def _probabilities(model: Path, photos: list[Path]) -> Any:
    return Recognizer(model).scores(photos).probabilities


def _file_names(model: Path) -> set[str]:
    return {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}


def test_each_change_is_a_generation_that_says_what_changed(model_copy: Path, photos: list[Path]) -> None:
    enroll(model_copy, "new", photos[:2])
    unenroll(model_copy, "new")
    found = versions(model_copy)
    assert [(one.number, one.change, one.is_current) for one in found] == [
        (3, "unenroll 'new'", True),
        (2, "enroll 'new' from 2 photo(s)", False),
        (1, "fit with linear_probe", False),
    ]
    assert [one.enrolled for one in found] == [(), ("new",), ()]
    assert all(one.made.endswith("+00:00") and one.figures["val_top1"] is not None for one in found)


def test_rollback_restores_the_answers_to_the_digit(model_copy: Path, photos: list[Path]) -> None:
    recognizer = Recognizer(model_copy)
    before, neighbours = recognizer.scores(photos).probabilities, recognizer.search(photos)
    recognizer.enroll("new", photos[:2])
    with_new, near_new = recognizer.scores(photos).probabilities, recognizer.search(photos)
    assert with_new.shape[1] == before.shape[1] + 1
    recognizer.rollback()
    np.testing.assert_array_equal(recognizer.scores(photos).probabilities, before)
    assert recognizer.search(photos) == neighbours
    recognizer.rollback(2)
    np.testing.assert_array_equal(recognizer.scores(photos).probabilities, with_new)
    assert recognizer.search(photos) == near_new
    assert [one.change for one in recognizer.versions()][:2] == [
        "rollback to 2: enroll 'new' from 2 photo(s)",
        "rollback to 1: fit with linear_probe",
    ]


def test_rollback_brings_back_an_earlier_fit_with_its_evidence(
    model_copy: Path, refitted: Path, birds: Path, photos: list[Path]
) -> None:
    recognizer = Recognizer(model_copy)
    answers, evidence = recognizer.predict(photos), recognizer.explain(photos[0]).to_dict()
    fit(birds, model_copy, method="linear_probe", image_size=96, seed=1)
    expected = load(refitted).predict(photos)
    assert load(model_copy).predict(photos) == expected != answers
    recognizer.rollback()
    assert recognizer.predict(photos) == answers
    assert recognizer.explain(photos[0]).to_dict() == evidence


def test_only_the_last_generations_and_their_files_are_kept(model_copy: Path, photos: list[Path]) -> None:
    names = _file_names(model_copy)
    enroll(model_copy, "first", photos[:1])
    (first,) = model_copy.glob("enrolled-*.safetensors")
    unenroll(model_copy, "first")
    for _ in range(KEPT):
        assert first.exists()
        with changing(model_copy) as change:
            assert change.current is not None
            change.commit(change.current, "nothing")
    assert not first.exists()
    assert [one.number for one in versions(model_copy)] == [6, 5, 4, 3]
    kept = {name for name in _file_names(model_copy) if not name.startswith(("gallery/", "generations/"))}
    assert kept == {name for name in names if not name.startswith("gallery/")}


def test_a_reader_keeps_its_generation_while_the_folder_changes(
    model_copy: Path, refitted: Path, photos: list[Path]
) -> None:
    reader = Recognizer(model_copy)
    before, rows = reader.scores(photos).probabilities, reader.split()
    enroll(model_copy, "new", photos[:2])
    unenroll(model_copy, "new")
    np.testing.assert_array_equal(reader.scores(photos).probabilities, before)
    assert reader.split() == rows
    assert {near.split for near in reader.search(photos[0], k=50)} == {"train", "val"}


def test_opening_starts_again_where_a_change_removed_the_files(
    model_copy: Path, monkeypatch: pytest.MonkeyPatch, photos: list[Path]
) -> None:
    """The manifest was read just before many changes; its files are gone."""
    enroll(model_copy, "new", photos[:2])
    old = load_manifest(model_copy)
    unenroll(model_copy, "new")
    for path in model_copy.glob("enrolled-*"):
        path.unlink()
    import fieldmark.recognizer.predictor as module

    manifests = iter([old])
    monkeypatch.setattr(module, "load_manifest", lambda folder: next(manifests, None) or load_manifest(folder))
    assert "new" not in Recognizer(model_copy).classes


def test_a_refit_says_what_it_replaces_and_keeps_enrolled_classes_that_fit(
    model_copy: Path, birds: Path, photos: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    """The same photos and seed give the same projection; another seed gives another one."""
    enroll(model_copy, "new", photos[:2])
    expected = _probabilities(model_copy, photos)
    with caplog.at_level("INFO", logger="fieldmark"):
        fit(birds, model_copy, method="linear_probe", image_size=96)
    said = [record.message for record in caplog.records]
    assert (
        f"replaced generation 2 of {model_copy} (linear_probe, 4 classes); "
        f"to get it back: fieldmark rollback {model_copy} 2"
    ) in said
    assert "kept the enrolled classes new" in said
    np.testing.assert_array_equal(_probabilities(model_copy, photos), expected)
    recognizer = Recognizer(model_copy)
    assert [row.split for row in recognizer.gallery.rows()].count("enrolled") == 2
    caplog.clear()
    with caplog.at_level("INFO", logger="fieldmark"):
        fit(birds, model_copy, method="linear_probe", image_size=96, seed=1)
    assert (
        "dropped the enrolled class new: its vectors do not fit the new model; enroll it again from its photos"
    ) in [record.message for record in caplog.records]
    assert "new" not in Recognizer(model_copy).classes
    rollback(model_copy, 3)
    np.testing.assert_array_equal(_probabilities(model_copy, photos), expected)


def test_drafts_of_killed_writers_are_collected_by_the_next_change(model_copy: Path, photos: list[Path]) -> None:
    stale = [model_copy / ".model.onnx.0123.part", model_copy / f"weights-{'0' * 16}.safetensors"]
    for path in stale:
        path.write_bytes(b"half")
    mine = model_copy / "notes.txt"
    mine.write_text("not a file of the model")
    enroll(model_copy, "new", photos[:2])
    assert not any(path.exists() for path in stale)
    assert mine.read_text() == "not a file of the model"


def test_a_first_fit_that_was_killed_while_writing_can_be_fitted_again(tmp_path: Path, birds: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    for name in (".lock", ".model.onnx.0123.part", f"model-{'0' * 16}.onnx"):
        (out / name).write_bytes(b"half")
    check_out(out)
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingError, match="exists and is no model folder"):
        check_out(out)
    (out / "thesis.txt").unlink()
    fit(birds, out, method="linear_probe", image_size=96)
    assert not list(out.glob("*.part"))
    assert not (out / f"model-{'0' * 16}.onnx").exists()


def test_a_first_fit_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    def fill_the_disk(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"), changing(tmp_path / "deep" / "model", create=True) as change:
        change.add("model.onnx", fill_the_disk)
    assert not (tmp_path / "deep" / "model").exists()


def test_rollback_refuses_what_it_cannot_do(model_copy: Path, photos: list[Path]) -> None:
    with pytest.raises(SettingError) as raised:
        rollback(model_copy)
    assert str(raised.value) == f"the model {model_copy} has no earlier generation to go back to"
    enroll(model_copy, "new", photos[:2])
    with pytest.raises(SettingError) as raised:
        rollback(model_copy, 9)
    assert str(raised.value) == f"the model {model_copy} has no earlier generation 9; it has 1"


def test_the_commands(model_copy: Path, photos: list[Path], command: Callable[..., Any]) -> None:
    enroll(model_copy, "new", photos[:2])
    done = command("versions", model_copy, "--json")
    printed = json.loads(done.out)
    assert [(one["number"], one["is_current"], one["enrolled"]) for one in printed] == [
        (2, True, ["new"]),
        (1, False, []),
    ]
    shown = command("versions", model_copy)
    assert (shown.code, shown.out) == (0, "")
    assert "enroll 'new' from 2 photo(s)" in shown.err
    back = command("rollback", model_copy)
    assert back.code == 0
    assert "rollback to 1: fit with linear_probe" in back.err
    assert "new" not in Recognizer(model_copy).classes
    assert command("rollback", model_copy, 7).code == 2


def test_an_old_folder_changes_in_place(tmp_path: Path) -> None:
    here = Path(__file__).parent / "model_0_1"
    model = shutil.copytree(here / "model", tmp_path / "model")
    photos = sorted((here / "photos").iterdir())
    before = _probabilities(model, photos)
    enroll(model, "new", photos[:2])
    assert load_manifest(model).format == 1
    assert Recognizer(model).classes[-1] == "new"
    assert [one.change for one in versions(model)] == ["enroll 'new' from 2 photo(s)", "fit"]
    assert all(one.made for one in versions(model))
    rollback(model)
    np.testing.assert_array_equal(_probabilities(model, photos), before)


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_every_file_has_the_mode_that_the_umask_asks_for(
    tmp_path: Path, birds: Path, photos: list[Path], umask: int
) -> None:
    before = os.umask(umask)
    try:
        out = tmp_path / "model"
        fit(birds, out, method="linear_probe", image_size=96)
        enroll(out, "new", photos[:1])
        Recognizer(out).export(tmp_path / "model.onnx", data=birds)
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "model.onnx", *out.rglob("*")]}
    wrong = {path: oct(mode) for path, mode in modes.items() if mode != (0o777 if path.is_dir() else 0o666) & ~umask}
    assert not wrong


@pytest.fixture
def read_only(model_copy: Path) -> Iterator[Path]:
    """The model on a read-only disk where this user may mount one; otherwise in a folder without write permission."""
    mounted = subprocess.run(["mount", "--bind", model_copy, model_copy], capture_output=True).returncode == 0
    if mounted:
        subprocess.run(["mount", "-o", "remount,bind,ro", model_copy], check=True)
    elif os.geteuid() == 0:
        pytest.skip("root can write everywhere, and no disk can be mounted here")
    else:
        model_copy.chmod(0o555)
    yield model_copy
    if mounted:
        subprocess.run(["umount", model_copy], check=True)
    else:
        model_copy.chmod(0o755)


def test_a_model_on_a_read_only_disk_answers_and_refuses_changes(
    read_only: Path, birds: Path, photos: list[Path], command: Callable[..., Any]
) -> None:
    recognizer = Recognizer(read_only)
    assert recognizer.predict(photos[0]).candidates
    assert recognizer.search(photos[0])
    assert recognizer.explain(photos[0]).to_dict()
    assert command("evaluate", read_only, birds, "--json").code == 0
    refused = command("enroll", read_only, "--label", "new", photos[0])
    assert refused.code == 2
    assert "make room there or name another place" in refused.err
    with pytest.raises(SettingError, match=r" is read-only\): name another place$"):
        check_out(read_only)


def test_evaluate_needs_no_place_for_rows(model_copy: Path, command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "model.test.csv").mkdir()
    done = command("evaluate", model_copy, "--json")
    assert done.code == 0
    assert json.loads(done.out)["num_images"]
    assert "no rows were written" in done.err
    assert command("evaluate", model_copy, "--rows", tmp_path / "model.test.csv").code == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes; only root can mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", disk], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here: needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_leaves_the_old_generation(
    fitted: Path, small_disk: Path, birds: Path, photos: list[Path], command: Callable[..., Any]
) -> None:
    model = shutil.copytree(fitted, small_disk / "model")
    before, names = _probabilities(model, photos), _file_names(model)
    free = shutil.disk_usage(small_disk).free
    (small_disk / "filler").write_bytes(bytes(free - 8192))
    refused = command("enroll", model, "--label", "new", *photos[:3])
    assert refused.code == 2
    refitted = command("fit", birds, "--out", model, "--method", "linear_probe", "--image-size", 96, "--seed", 1)
    assert refitted.code == 2
    np.testing.assert_array_equal(_probabilities(model, photos), before)
    own = {name for name in _file_names(model) if not name.startswith("gallery/")}
    assert own == {name for name in names if not name.startswith("gallery/")}
    (small_disk / "filler").unlink()
    enroll(model, "new", photos[:3])
    assert Recognizer(model).classes[-1] == "new"


def _enroll_with_own_cache(model: Path, label: str, photos: list[Path], cache: Path) -> None:
    os.environ["FIELDMARK_CACHE"] = str(cache)
    enroll(model, label, photos)


@pytest.mark.parametrize("writers", [2, 8])
def test_writers_at_once_lose_nothing(model_copy: Path, photos: list[Path], tmp_path: Path, writers: int) -> None:
    """Each process has a cache of its own: the lock must not depend on it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fieldmark.recognizer.enroll", "safetensors.numpy", "lancedb"])
    running = [
        context.Process(
            target=_enroll_with_own_cache,
            args=(model_copy, f"class {number}", photos[:2], tmp_path / f"cache-{number}"),
        )
        for number in range(writers)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(600)
    assert [process.exitcode for process in running] == [0] * writers
    recognizer = Recognizer(model_copy)
    assert sorted(recognizer.open_set.labels) == [f"class {number}" for number in range(writers)]
    assert recognizer.manifest.generation == 1 + writers
    assert [row.split for row in recognizer.gallery.rows()].count("enrolled") == 2 * writers


def test_a_draft_of_a_killed_writer_elsewhere_goes_after_a_day(tmp_path: Path) -> None:
    from fieldmark.atomic import atomic_file

    stale, fresh = tmp_path / ".report.html.aaaa.part", tmp_path / ".report.html.bbbb.part"
    for path in (stale, fresh):
        path.write_text("half")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(stale, (long_ago, long_ago))
    with atomic_file(tmp_path / "report.html") as draft:
        draft.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [fresh.name, "report.html"]
