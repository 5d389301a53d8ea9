"""Photos that arrive in a folder: answered once, when they are complete, also after the process was killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fieldmark.catalogue.answer_file import AnswerFile
from fieldmark.catalogue.answer_queries import answer_arrivals
from fieldmark.catalogue.answer_rows import AnswerRows
from fieldmark.catalogue.watch_folder import FolderWatch
from fieldmark.errors import DataError
from fieldmark.recognizer.answer import Answer, Candidate


class Clock:
    """Time that passes only by `sleep`, during which something may happen."""

    def __init__(self, *events: Callable[[], object]) -> None:
        self.now, self._events = 0.0, list(events)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if not self._events:
            raise KeyboardInterrupt
        self._events.pop(0)()


def _nothing() -> None:
    pass


def _is_whole(path: Path) -> Answer:
    """A reader that knows only photos that end with END."""
    if path.read_bytes().endswith(b"END"):
        return Answer(str(path), (Candidate("x", 1.0),))
    return Answer(str(path), error="incomplete")


def _watched(folder: Path, *events: Callable[[], object]) -> list[tuple[float, str, str | None]]:
    """Time, name and error of what was answered; every event is followed by half a second."""
    clock, seen = Clock(*events), []
    watch = FolderWatch(folder, settle=1.0, patience=3.0, clock=clock)

    def answers(photos: Sequence[Path]) -> Iterator[Answer]:
        return (_is_whole(photo) for photo in photos)

    with contextlib.suppress(KeyboardInterrupt):
        for arrival, answer in answer_arrivals(watch, answers, sleep=clock.sleep):
            if answer is not None:
                seen.append((clock.now, arrival.path.name, answer.error))
    return seen


def test_each_photo_is_answered_once_when_it_is_complete(tmp_path: Path) -> None:
    whole, slow = tmp_path / "whole.jpg", tmp_path / "deep" / "slow.jpg"
    whole.write_bytes(b"1 END")
    slow.parent.mkdir()
    seen = _watched(
        tmp_path,
        lambda: slow.write_bytes(b"half"),
        lambda: slow.write_bytes(b"half of"),
        _nothing,
        _nothing,
        _nothing,  # settled but incomplete
        lambda: slow.write_bytes(b"half of it END"),
        *[_nothing] * 12,
    )
    assert seen == [(1.0, "whole.jpg", None), (4.0, "slow.jpg", None)]


def test_a_photo_that_stays_unreadable_is_an_error_after_a_while(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"half")
    (tmp_path / ".hidden.jpg").write_bytes(b"END")
    (tmp_path / "whole.jpg.part").write_bytes(b"END")
    assert _watched(tmp_path, *[_nothing] * 12) == [(3.0, "broken.jpg", "incomplete")]


def test_new_content_under_an_old_name_is_new(tmp_path: Path) -> None:
    photo = tmp_path / "latest.jpg"
    photo.write_bytes(b"1 END")
    seen = _watched(
        tmp_path,
        *[_nothing] * 3,
        lambda: os.utime(photo, (1, 1)),  # the same content with another time is not
        *[_nothing] * 4,
        lambda: photo.write_bytes(b"2 END"),
        *[_nothing] * 6,
    )
    assert [name for _, name, _ in seen] == ["latest.jpg", "latest.jpg"]


def test_a_photo_that_is_taken_away_is_forgotten(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"half")
    assert _watched(tmp_path, _nothing, photo.unlink, *[_nothing] * 10) == []
    with pytest.raises(DataError) as caught:
        FolderWatch(tmp_path / "none")
    assert str(caught.value) == f"expected a folder to watch, but there is none at {tmp_path / 'none'}"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_file_of_answers_grows_by_whole_rows(tmp_path: Path, form: str) -> None:
    rows = AnswerRows("csv" if form == "csv" else "json", 1, notes=("content",))
    file = tmp_path / "answers"
    answers = [Answer(name, (Candidate('a "b"\nc', 0.5),), rank="class") for name in ("1.jpg", "2\n.jpg")]
    with AnswerFile(file, rows) as opened:
        assert opened.earlier == []
        for answer in answers:
            opened.write(rows.line(answer, content="k"))
    whole = file.read_bytes()
    for cut in range(0, len(whole), 3):
        file.write_bytes(whole[:cut])
        with AnswerFile(file, rows) as opened:
            known = [row["path"] for row in opened.earlier]
            assert known == ["1.jpg", "2\n.jpg"][: len(known)]
            for answer in answers[len(known) :]:
                opened.write(rows.line(answer, content="k"))
        assert file.read_bytes() == whole


@pytest.mark.parametrize("content", ["my notes", "path,label\n1.jpg,x\n", '"path', "{}\n[]\n"])
def test_another_file_is_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "notes.csv"
    file.write_text(content)
    with pytest.raises(DataError) as caught:
        AnswerFile(file, AnswerRows("json" if content.startswith("{") else "csv", 1))
    assert str(caught.value) == (
        f"{file} holds something else than answers with these columns, and is not changed: name another file"
    )
    assert file.read_text() == content


def _run(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fieldmark", "predict", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _wait(until: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not until():
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)


def test_a_killed_command_goes_on_where_it_stopped(fitted: Path, birds: Path, tmp_path: Path) -> None:
    photos = sorted(birds.rglob("*.jpg"))[::24]
    inbox, out, into = tmp_path / "inbox", tmp_path / "answers.jsonl", tmp_path / "sorted"
    inbox.mkdir()
    arguments = (fitted, "--watch", inbox, "--out", out, "--move-into", into)
    first = _run(*arguments)
    (inbox / "0.jpg").write_bytes(photos[0].read_bytes())
    _wait(lambda: out.exists() and out.read_text().count("\n") == 1, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    out.write_text(out.read_text() + '{"path": "half a ro')
    for number, photo in enumerate(photos[1:], start=1):
        (inbox / f"{number}.jpg").write_bytes(photo.read_bytes())
    (inbox / "slow.jpg").write_bytes(photos[0].read_bytes()[:500])
    second = _run(*arguments)
    _wait(lambda: out.read_text().count("\n") == len(photos), second)
    (inbox / "slow.jpg").write_bytes(photos[0].read_bytes())
    _wait(lambda: not list(inbox.iterdir()), second)
    second.send_signal(signal.SIGTERM)
    _, said = second.communicate()
    assert second.returncode == 0, said
    assert f"answered {len(photos)} photos" in said
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(Path(answer["path"]).name for answer in answers) == [
        *(f"{k}.jpg" for k in range(len(photos))),
        "slow.jpg",
    ]
    assert all(Path(answer["moved_to"]).stat().st_size > 0 for answer in answers)
