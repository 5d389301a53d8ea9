"""Files and folders are written atomically."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.atomic import atomic_file, atomic_folder


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
