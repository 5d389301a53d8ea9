"""What Fieldmark prints: nothing but warnings from Python, messages on the command line, less with -q, more with -v."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fieldmark
from fieldmark import SettingError
from fieldmark.progress import progress_bar, track, verbosity


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(SettingError) as caught:
        fieldmark.set_verbosity("inf")  # type: ignore[arg-type]
    assert str(caught.value) == ("unknown verbosity 'inf': did you mean 'info'? (known: debug, error, info, warning)")


def test_messages_appear_from_their_level_on(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("fieldmark.anywhere")
    printed = {}
    for level in ("debug", "info", "warning", "error"):
        fieldmark.set_verbosity(level)
        assert verbosity() == level
        for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logger.log(number, logging.getLevelName(number).lower())
        printed[level] = capsys.readouterr().err.split()
    levels = ["debug", "info", "warning", "error"]
    assert printed == {level: levels[position:] for position, level in enumerate(levels)}


def test_a_message_is_printed_once_where_the_root_logger_has_a_handler(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        fieldmark.set_verbosity("info")
        logging.getLogger("fieldmark.anywhere").info("[once] %s", "é")
    finally:
        logging.getLogger().removeHandler(handler)
    assert capsys.readouterr().err == "[once] é\n"


def test_track_logs_its_time_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "fieldmark"):
        assert list(track([1, 2], "counting")) == [1, 2]
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert caplog.messages[0].startswith("counting: 0.0 s")


def test_a_progress_bar_shows_only_where_messages_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fieldmark.progress.console._force_terminal", True)
    fieldmark.set_verbosity("warning")
    assert progress_bar().disable
    fieldmark.set_verbosity("info")
    assert not progress_bar().disable


def test_quiet_and_verbose_before_and_behind_the_verb(command: Callable[..., Any], tmp_path: Path) -> None:
    sizes = ("--classes", 2, "--per-class", 4, "--size", 64)
    plain = command("synth", tmp_path / "a", *sizes)
    assert plain.err.startswith("drew 8 pictures of 2 species in")
    assert command("-q", "synth", tmp_path / "b", *sizes).err == ""
    assert command("synth", tmp_path / "c", *sizes, "-q").err == ""
    assert "drawing birds: " in command("synth", tmp_path / "d", *sizes, "--verbose").err


def test_quiet_and_verbose_together_are_refused(command: Callable[..., Any], tmp_path: Path) -> None:
    result = command("synth", tmp_path / "a", "-q", "-v")
    assert result.code == 2
    assert "-q and -v exclude each other; leave one out" in result.err
