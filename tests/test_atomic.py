"""Files and folders are written atomically."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fieldmark import atomic
from fieldmark.atomic import atomic_file, atomic_folder, require_place
from fieldmark.errors import SettingError


class _Boom(Exception):
    pass


def _write_and_fail(draft: Path) -> None:
    (draft / "half").write_text("half") if draft.is_dir() else draft.write_text("half")
    raise _Boom


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_appears(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "model"
    with atomic_folder(out) as draft:
        (draft / "a").write_text("new")
        assert not out.exists()
    assert (out / "a").read_text() == "new"
    assert _names(out.parent) == ["model"]


def test_a_folder_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "old").write_text("old")
    with atomic_folder(out) as draft:
        (draft / "a").write_text("new")
    assert _names(out) == ["a"]
    assert _names(tmp_path) == ["model"]


@pytest.mark.parametrize("before", [True, False])
def test_a_failure_leaves_the_old_content(tmp_path: Path, before: bool) -> None:
    out = tmp_path / "model"
    if before:
        out.mkdir()
        (out / "old").write_text("old")
    with pytest.raises(_Boom), atomic_folder(out) as draft:
        _write_and_fail(draft)
    assert _names(tmp_path) == (["model"] if before else [])
    assert not before or _names(out) == ["old"]


def test_an_interrupt_counts_as_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "model"):
        raise KeyboardInterrupt
    assert _names(tmp_path) == []


def test_the_old_folder_is_restored_if_the_new_one_cannot_replace_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "old").write_text("old")
    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)  # a system without such a call
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if target == out and not self.name.endswith(".old"):
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(OSError, match="no"), atomic_folder(out) as draft:
        (draft / "a").write_text("new")
    assert _names(out) == ["old"]
    assert _names(tmp_path) == ["model"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    with atomic_folder(link) as draft:
        (draft / "a").write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "new"
    assert _names(tmp_path) == ["link", "real"]


def test_a_folder_can_be_read_by_others(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "model"):
        pass
    assert (tmp_path / "model").stat().st_mode & 0o555 == 0o555


@pytest.mark.parametrize("before", [True, False])
def test_a_file_appears_whole_or_stays_as_it_was(tmp_path: Path, before: bool) -> None:
    out = tmp_path / "rows.csv"
    if before:
        out.write_text("old")
    with pytest.raises(_Boom), atomic_file(out) as draft:
        _write_and_fail(draft)
    assert _names(tmp_path) == (["rows.csv"] if before else [])
    assert not before or out.read_text() == "old"
    with atomic_file(out) as draft:
        draft.write_text("new")
    assert out.read_text() == "new"
    assert _names(tmp_path) == ["rows.csv"]


def test_a_reader_finds_the_folder_at_every_moment(tmp_path: Path) -> None:
    out = tmp_path / "explanation"
    with atomic_folder(out) as draft:
        (draft / "a").write_text("0")
    if not atomic._exchange(out, out):
        pytest.skip("this system or disk exchanges no folders")
    misses, stopped = [], threading.Event()

    def read() -> None:
        while not stopped.is_set():
            if not out.is_dir():
                misses.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        with atomic_folder(out) as draft:
            (draft / "a").write_text(str(number))
    stopped.set()
    reader.join()
    assert (len(misses), (out / "a").read_text(), _names(tmp_path)) == (0, "299", ["explanation"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\0b", "embedded null byte"),
        ("n" * 250, "File name too long"),
        ("file/model", "{folder}/file is no folder"),
        ("loop/model", "Too many levels of symbolic links"),
    ],
)
def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SettingError) as error:
        require_place(tmp_path / name)
    shown = f"{tmp_path}/{name}".replace("\0", "\\x00")
    shown = shown if len(shown) <= 300 else f"{shown[:150]}…{shown[-150:]}"
    assert str(error.value) == f"{shown} cannot be written ({reason.format(folder=tmp_path)}): name another place"
    for good in ("new", "new/deep/er", "file", ".", "n" * 200):
        require_place(tmp_path / good)
