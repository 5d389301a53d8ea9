"""How many cores work: those of the machine, within the limits of the container and of the user."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark import cores
from fieldmark.errors import SettingError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of eight cores without limits; its control groups lie in the returned folder."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv(cores.THREADS, raising=False)
    monkeypatch.setattr(cores, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(cores, "_OWN_CGROUPS", tmp_path / "own")
    return tmp_path


def _group(machine: Path, place: str, files: dict[str, str]) -> None:
    folder = machine / "cgroup" / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def test_without_limits_all_cores_work(machine: Path) -> None:
    assert cores.available_cpus() == 8


@pytest.mark.parametrize(("wanted", "count"), [("3", 3), ("2,1", 2), ("20", 8), ("0", 8), ("many", 8), ("", 8)])
def test_the_variable_of_openmp_is_a_limit(
    machine: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, count: int
) -> None:
    monkeypatch.setenv(cores.THREADS, wanted)
    assert cores.available_cpus() == count


@pytest.mark.parametrize(
    ("quota", "count"), [("max 100000", 8), ("250000 100000", 3), ("50000 100000", 1), ("nonsense", 8)]
)
def test_the_smallest_quota_of_the_own_group_and_those_above_counts(machine: Path, quota: str, count: int) -> None:
    (machine / "own").write_text("0::/pod/container\n")
    _group(machine, "pod", {"cpu.max": quota})
    _group(machine, "pod/container", {"cpu.max": "800000 100000"})
    assert cores.available_cpus() == count


def test_the_first_version_of_control_groups(machine: Path) -> None:
    (machine / "own").write_text("5:memory:/\n4:cpu,cpuacct:/docker/1\n")
    _group(machine, "cpu", {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"})
    assert cores.available_cpus() == 8
    _group(machine, "cpu/docker/1", {"cpu.cfs_quota_us": "150000", "cpu.cfs_period_us": "100000"})
    assert cores.available_cpus() == 2


def test_limit_threads(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cores.THREADS, "8")
    cores.limit_threads(2)
    assert cores.available_cpus() == 2
    with pytest.raises(SettingError, match=r"^threads must be 1 or more, but is 0$"):
        cores.limit_threads(0)


def test_the_option(machine: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., object]) -> None:
    monkeypatch.setenv(cores.THREADS, "8")
    refused = command("predict", machine / "model", "--threads", "0")
    assert refused.code == 2  # type: ignore[attr-defined]
    assert "threads must be 1 or more, but is 0" in refused.err  # type: ignore[attr-defined]
    command("predict", machine / "no-model", "a.jpg", "--threads", "3")
    assert os.environ[cores.THREADS] == "3"
