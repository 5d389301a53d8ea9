"""A fine-tune that was killed goes on with --resume and ends with the files of an unbroken one.

``benchmarks/resume.py`` does the same as often as it is told.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from fieldmark.artifact.load import load_manifest
from fieldmark.fit import RUN_FILE, fit, run_folder

pytestmark = pytest.mark.long

CONTEXT = multiprocessing.get_context("forkserver")


def _fit(data: Path, out: Path, resume: bool = False) -> None:
    fit(data, out, method="fine_tune", image_size=32, epochs=3, resume=resume)


def _in_a_group(data: Path, out: Path) -> None:
    os.setsid()  # its workers are killed with it
    _fit(data, out)


@pytest.fixture(scope="module")
def few_birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fieldmark_synth import synthesize

    data = tmp_path_factory.mktemp("few") / "birds"
    synthesize(data, 3, 8, "folder", 0, 64)
    return data


def test_a_killed_fit_ends_with_the_files_of_an_unbroken_one(few_birds: Path, tmp_path: Path) -> None:
    _fit(few_birds, tmp_path / "unbroken")
    expected = load_manifest(tmp_path / "unbroken").checksums
    CONTEXT.set_forkserver_preload(["fieldmark.fit", "timm", "lightning"])
    resumed = 0
    for kill, marker in enumerate((RUN_FILE, "last.ckpt")):
        out = tmp_path / f"model-{kill}"
        process = CONTEXT.Process(target=_in_a_group, args=(few_birds, out), daemon=False)
        process.start()
        while process.is_alive() and not (run_folder(out) / marker).exists():
            time.sleep(0.005)
        time.sleep(0.2 * kill)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        if process.exitcode == 0:
            continue  # it was faster than the kill
        resumed += 1
        _fit(few_birds, out, resume=True)
        assert load_manifest(out).checksums == expected
        assert not run_folder(out).exists()
    assert resumed


def test_what_a_kill_before_or_after_a_run_leaves_stops_no_fit(few_birds: Path, tmp_path: Path) -> None:
    run = run_folder(tmp_path / "model")
    run.mkdir()
    (run / ".run.json.0123456789ab.part").write_text("{")
    _fit(few_birds, tmp_path / "model")
    assert load_manifest(tmp_path / "model").method == "fine_tune"
    assert not run.exists()
