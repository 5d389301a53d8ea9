"""Fit a model in its own process: ``python -m fieldmark.compare.one_run`` reads its job from stdin.

So peak memory and processor time belong to this run, no caches are warm from other runs, and a crash ends one run
but not the comparison.
"""

from __future__ import annotations

import json
import pickle
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fieldmark.artifact.manifest import MANIFEST
from fieldmark.atomic import atomic_file
from fieldmark.data.prepare import Prepared
from fieldmark.errors import DataError, FieldmarkError
from fieldmark.progress import Verbosity, set_verbosity
from fieldmark.recipe import settings_class
from fieldmark.training.large_pages import use_large_pages

__all__ = ["FACTS", "Facts", "Job", "main", "run"]

FACTS = "run.json"
"""The facts of a run, in its model folder; they are written last."""


@dataclass(frozen=True, slots=True)
class Job:
    """The job of one process.

    Attributes:
        prepared: The photos with their splits; the test photos are not opened.
        settings: Settings of the fit, as JSON values.
        out: Model folder.
        trouble: File to write if the fit fails: ``kind`` (skipped or failed) and ``reason``.
        verbosity: Level of the messages that the process prints.
    """

    prepared: Prepared
    settings: dict[str, Any]
    out: Path
    trouble: Path
    verbosity: Verbosity


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a finished run.

    Attributes:
        method: Name of the method.
        settings: All settings; a run is reused while they and the data are the same.
        fingerprint: Fingerprint of the data.
        seconds: Wall time of training, calibration and writing the model.
        cpu_seconds: Processor time of the same steps.
        peak_bytes: Peak memory of the process; None if the system does not report it.
        parameters: Number of weights.
        val_top1: Top-1 on val; None without val photos.
        fieldmark: Version that made the run.
    """

    method: str
    settings: dict[str, Any]
    fingerprint: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int | None
    parameters: int
    val_top1: float | None
    fieldmark: str


def run(job: Job) -> int:
    """Do a job in this process, and return its exit code: 1 for a failure, with the reason in its `trouble` file."""
    try:
        _do(job)
    except KeyboardInterrupt:
        return 130
    except FieldmarkError as error:
        _tell(job, "skipped" if isinstance(error, DataError) else "failed", str(error))
        return 1
    except Exception as error:  # a failed method is a line in the table; the other methods go on
        import traceback

        traceback.print_exc()
        _tell(job, "failed", f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
        return 1
    return 0


def _do(job: Job) -> Facts:
    """Fit, measure, and write the facts into the model folder."""
    from fieldmark.compare.measure import count_parameters, cpu_seconds, peak_bytes
    from fieldmark.fit import fit_prepared, run_folder
    from fieldmark.recognizer.predictor import Predictor

    settings = settings_class(job.settings["method"]).model_validate(job.settings)
    shutil.rmtree(run_folder(job.out), ignore_errors=True)
    if (job.out / MANIFEST).is_file():  # an earlier run, with the figures and predictions that go with it
        shutil.rmtree(job.out)
    started, cpu_before = time.monotonic(), cpu_seconds()
    fit_prepared(job.prepared, settings, job.out)
    recognizer = Predictor(job.out)
    seconds, cpu, peak = time.monotonic() - started, cpu_seconds() - cpu_before, peak_bytes()
    photos = job.prepared.photos
    facts = Facts(
        method=settings.method,
        settings=settings.model_dump(mode="json"),
        fingerprint=photos.fingerprint,
        seconds=seconds,
        cpu_seconds=cpu,
        peak_bytes=peak,
        parameters=count_parameters(recognizer),
        val_top1=recognizer.manifest.figures.get("val_top1"),
        fieldmark=version("fieldmark"),
    )
    with atomic_file(job.out / FACTS) as draft:
        draft.write_text(json.dumps(asdict(facts), indent=1), encoding="utf-8", errors="backslashreplace")
    return facts


def main() -> int:
    """Do the job on stdin, and return the exit code of `run`."""
    use_large_pages()
    job: Job = pickle.load(sys.stdin.buffer)  # from the process that started this one
    set_verbosity(job.verbosity)
    return run(job)


def _tell(job: Job, kind: str, reason: str) -> None:
    with atomic_file(job.trouble) as draft:
        draft.write_text(json.dumps({"kind": kind, "reason": reason}), encoding="utf-8", errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
