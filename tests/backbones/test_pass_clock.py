"""A pass says how fast it was, and whether computing, decoding or waiting limits it."""

from __future__ import annotations

import logging
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from fieldmark.backbones.runners import pass_clock
from fieldmark.backbones.runners.pass_clock import PassClock
from fieldmark.recognizer.predictor import Predictor


class _Time(SimpleNamespace):
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(wall=0.0, cpu=0.0)

    def monotonic(self) -> float:
        return float(self.wall)

    def thread_time(self) -> float:
        return float(self.cpu)

    def go(self, wall: float, cpu: float = 0.0) -> None:
        self.wall += wall
        self.cpu += cpu


def test_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Time()
    monkeypatch.setattr(pass_clock, "time", clock)
    passed = PassClock(1)
    with passed.loading():
        clock.go(3.0, cpu=1.0)
    with passed.computing():
        clock.go(5.0)
    clock.go(2.0)  # the main thread at its own work
    assert passed.line(1500, "answered", "ONNX Runtime") == (
        "answered: 1,500 photos, 150 a second on 1 thread (62% computing, 25% waiting for files or for a core, "
        "12% decoding) by ONNX Runtime"
    )


def test_waiting_is_not_decoding() -> None:
    passed = PassClock(2)
    with passed.loading():
        time.sleep(0.2)
    line = passed.line(1, "read", "ONNX Runtime")
    assert "on 2 threads (" in line
    assert re.search(r"\((9\d|100)% waiting", line)


def test_predict_says_it_for_many_photos(
    fitted: Path, birds: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    photos = sorted(birds.rglob("*.jpg"))[:4]
    shape = r"  answered: 4 photos, [\d,]+ a second on \d+ threads? \(\d+% \w+.*\) by ONNX Runtime"
    with caplog.at_level(logging.INFO, "fieldmark"):
        list(Predictor(fitted).answers(photos))
        assert not [line for line in caplog.messages if re.fullmatch(shape, line)]
        monkeypatch.setattr(pass_clock, "FEW", 4)
        list(Predictor(fitted).answers(photos))
    assert len([line for line in caplog.messages if re.fullmatch(shape, line)]) == 1
