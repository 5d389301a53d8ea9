"""Make the runs of a comparison, each in its own process; finished runs are reused."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fieldmark.artifact.manifest import MANIFEST
from fieldmark.compare.one_run import FACTS, Facts, Job
from fieldmark.compare.run_plan import Entry
from fieldmark.data.prepare import Prepared
from fieldmark.methods.settings_base import FitSettings
from fieldmark.progress import verbosity

__all__ = ["Run", "make_run", "run_name"]

_STDERR = 2
"""The process's own stderr: its replacement in a notebook has no file descriptor."""


@dataclass(frozen=True, slots=True)
class Run:
    """Result of one method with one seed.

    Attributes:
        label: Label of the method in the table.
        seed: Seed of the run.
        folder: Model folder.
        facts: Facts of a finished run.
        kind: ``skipped`` if the data lack what the method needs.
        reason: Why there is no model.
        reused: Whether an earlier run was reused.
    """

    label: str
    seed: int
    folder: Path
    facts: Facts | None = None
    kind: Literal["done", "skipped", "failed"] = "done"
    reason: str | None = None
    reused: bool = False


def make_run(entry: Entry, seed: int, prepared: Prepared, runs: Path) -> Run:
    """Return the finished run in `runs` if its settings and data are the same; otherwise make it.

    Raises:
        KeyboardInterrupt: Ctrl-C, after the process of the fit has ended.
    """
    settings = entry.settings(seed)
    folder = runs / run_name(entry.label, seed)
    data = prepared.photos.fingerprint
    known = _finished(folder)
    if known is not None and known.fingerprint == data and _same(known.settings, settings):
        return Run(entry.label, seed, folder, known, reused=True)
    trouble = runs / f"{folder.name}.trouble.json"
    trouble.unlink(missing_ok=True)
    runs.mkdir(parents=True, exist_ok=True)
    with _own_cache():
        code = _in_own_process(Job(prepared, settings.model_dump(mode="json"), folder, trouble, verbosity()))
    made = _finished(folder)
    if code == 0 and made is not None:
        return Run(entry.label, seed, folder, made)
    if trouble.is_file():
        told = json.loads(trouble.read_text(encoding="utf-8"))
        return Run(entry.label, seed, folder, kind=told["kind"], reason=told["reason"])
    return Run(entry.label, seed, folder, kind="failed", reason=_crash(code))


def run_name(label: str, seed: int) -> str:
    """Return the name of a run's folder, with characters that every file system accepts."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", label).strip("-.")
    if plain != label:
        plain += "-" + hashlib.blake2b(label.encode(), digest_size=3).hexdigest()
    return f"{plain}-{seed}"


@contextmanager
def _own_cache() -> Iterator[None]:
    """Give a run an empty cache: features that another run has cached would make it look faster.

    The folder belongs to this process, so that it is deleted also where the run is killed.
    """
    before = os.environ.get("FIELDMARK_CACHE")
    with tempfile.TemporaryDirectory(prefix="fieldmark-compare-", ignore_cleanup_errors=True) as folder:
        os.environ["FIELDMARK_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["FIELDMARK_CACHE"]
            if before is not None:
                os.environ["FIELDMARK_CACHE"] = before


def _in_own_process(job: Job) -> int:
    """Run a job, and return the exit code of its process."""
    warnings = ["-W", "ignore"] if job.verbosity in ("warning", "error") else []
    command = [sys.executable, *warnings, "-m", "fieldmark.compare.one_run"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=_STDERR) as process:
        try:
            process.communicate(pickle.dumps(job))
        except BaseException:
            process.terminate()
            raise
    if process.returncode == 130:
        raise KeyboardInterrupt
    return process.returncode


def _finished(folder: Path) -> Facts | None:
    """Return the facts of a finished run; None if it is not finished."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return Facts(**{name: content[name] for name in Facts.__dataclass_fields__})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _same(known: Mapping[str, Any], settings: FitSettings) -> bool:
    """Return whether a run had these settings. A setting that is new since then must have its default value."""
    wanted = settings.model_dump(mode="json")
    fresh = settings.model_dump(mode="json", include=wanted.keys() - known.keys(), exclude_defaults=True)
    return known == {name: value for name, value in wanted.items() if name in known} and not fresh


def _crash(code: int) -> str:
    if code < 0:
        return f"the process was ended by signal {-code}; signal 9 usually means that memory ran out"
    return f"the process ended with exit code {code} and gave no reason"
