"""The time of a prediction is given only if nothing else ran meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from fieldmark.compare import prediction_time
from fieldmark.compare.prediction_time import busy_seconds, milliseconds_alone, time_models
from fieldmark.data.read import read
from fieldmark.recognizer.predictor import Predictor


@pytest.fixture(scope="module")
def model(fitted: Path) -> Predictor:
    return Predictor(fitted, device="cpu")


def _machine(other_cores: float) -> Any:
    """Processor seconds of a machine on which other programs use that many cores all the time."""
    started = time.perf_counter()
    return lambda: time.process_time() + other_cores * (time.perf_counter() - started)


def test_a_model_that_runs_alone_has_a_time(model: Predictor, birds: Path) -> None:
    found = milliseconds_alone(model, read(birds)[:8], _machine(0))  # type: ignore[arg-type]
    assert found is not None
    assert found > 0


@pytest.mark.parametrize("other_cores", [0.5, 2, 30])
def test_a_model_beside_other_programs_has_none(model: Predictor, birds: Path, other_cores: float) -> None:
    assert milliseconds_alone(model, read(birds)[:8], _machine(other_cores)) is None  # type: ignore[arg-type]


def test_a_system_that_reports_no_load_gives_no_time(
    fitted: Path, birds: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prediction_time, "_STAT", tmp_path / "missing")
    times, sentence = time_models({"a": fitted}, read(birds))
    assert times == {}
    assert sentence == (
        "no time of a prediction is given for 1 of 1 rows: this system does not report its load while they were timed"
    )


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="needs Linux")
def test_the_processor_time_of_another_process_counts() -> None:
    def rising() -> Iterator[float]:
        for _ in count():
            found = busy_seconds()
            assert found is not None
            yield found

    readings = rising()
    before = next(readings)
    code = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert next(readings) - before > 0.4
