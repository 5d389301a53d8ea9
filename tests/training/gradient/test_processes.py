"""Several devices train the weights of one, and a process that is killed ends the training until --resume."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import pytest
import timm
import torch
from safetensors.torch import load_file

from fieldmark.artifact.load import load_manifest
from fieldmark.cli.main import main
from fieldmark.errors import SettingError
from fieldmark.fit import fit, run_folder
from fieldmark.recipe import build_settings
from fieldmark.training.gradient import processes
from fieldmark.training.gradient.processes import check_processes
from fieldmark.training.train import check_machine

pytestmark = pytest.mark.long

# Without dropout and batch statistics a step depends on its photos only, not on how processes share them.
SETTINGS = (
    "image_size=32", "epochs=5", "batch_size=8", "lr=1e-4", "dropout=0", "mixup=0", "ema=0.5", "frozen_batchnorm=true",
    "precision=32", "device=cpu", "probe_start=0", "backbone=test_efficientnet",
)  # fmt: skip


@pytest.fixture(scope="module")
def photos(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 32 photos in train and 8 in val."""
    table = tmp_path_factory.mktemp("table") / "birds.csv"
    rows = ["path,label,split"]
    for folder in sorted(birds.iterdir()):
        files = sorted(folder.iterdir())[:10]
        rows += [f"{file},{folder.name},{'train' if index < 8 else 'val'}" for index, file in enumerate(files)]
    table.write_text("\n".join(rows))
    return table


def killed_in_between(
    checkpoint: Path, capfd: pytest.CaptureFixture[str], arguments: Sequence[object]
) -> tuple[int, str]:
    """Run a command and kill the second process that trains, once there is a checkpoint; its exit code and stderr."""
    ended = threading.Event()

    def kill() -> None:
        while not checkpoint.exists() and not ended.is_set():
            time.sleep(0.005)
        workers = sorted(each.pid or 0 for each in multiprocessing.active_children() if "Spawn" in each.name)
        if len(workers) == 2:
            os.kill(workers[1], signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    capfd.readouterr()
    killer.start()
    with mock.patch("sys.argv", ["fieldmark", *map(str, arguments)]), pytest.raises(SystemExit) as left:
        main()
    ended.set()
    killer.join()
    return int(left.value.code or 0), capfd.readouterr().err


def weights_in(model: Path) -> dict[str, torch.Tensor]:
    return load_file(model / load_manifest(model).members[0].weights)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_two_processes_one_of_them_killed_end_with_the_weights_of_one(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    alone, together, weights = tmp_path / "alone", tmp_path / "together", tmp_path / "weights.pth"
    torch.manual_seed(0)
    torch.save(timm.create_model("test_efficientnet", pretrained=False).state_dict(), weights)
    settings = (*SETTINGS, f"weights={weights}")
    fit(photos, alone, method="fine_tune", overrides=settings)

    options = [word for pair in settings for word in ("--set", pair)]
    done, said = killed_in_between(run_folder(together) / "last.ckpt", capfd, [
        "fit", photos, "--out", together, "--method", "fine_tune", "--devices", 2, *options
    ])  # fmt: skip
    assert done == 2, said
    assert said.splitlines()[-1] == (
        "fieldmark: training process 2 of 2 was killed by SIGKILL: give the same command again with --resume to go on "
        "from the last epoch"
    )
    assert "Traceback" not in said
    assert said.count("epoch 1 of 5") == 1  # only the first process speaks
    assert not together.exists()

    fit(photos, together, method="fine_tune", devices=2, overrides=settings, resume=True)
    assert not run_folder(together).exists()
    expected, found = weights_in(alone), weights_in(together)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize(
    ("method", "options", "sentence"),
    [
        (
            "linear_probe",
            {"devices": 2},
            "--devices trains a network in several processes, but 'linear_probe' keeps it frozen: leave it out, or "
            "choose a method that trains one, such as fine_tune",
        ),
        (None, {"nodes": 2}, "--nodes trains a network in several processes, but 'auto' keeps it frozen"),
        ("fine_tune", {"devices": 3}, "--devices asks for 3, but this machine has 2 CPU core(s): lower it"),
        (
            "fine_tune",
            {"devices": 2, "batch_size": 9},
            "2 devices cannot share batches of 9 photos evenly: set batch_size to a multiple",
        ),
        (
            "fine_tune",
            {"nodes": 2},
            "--nodes 2 needs the environment variable MASTER_ADDR: set MASTER_ADDR and MASTER_PORT to an address and a "
            "free port of the first machine, and NODE_RANK to 0 there, 1 on the next and so on",
        ),
    ],
)
def test_devices_that_cannot_train_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, method: str | None, options: dict[str, int], sentence: str
) -> None:
    monkeypatch.setattr(processes, "_cores", lambda: 2)
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingError) as refused:
        check_machine(build_settings(method, {**options, "device": "cpu"}))
    assert str(refused.value).startswith(sentence)


def test_torchrun_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with pytest.raises(SettingError, match="torchrun started this command, but fit starts its own processes"):
        check_processes(build_settings("fine_tune"))


class _Ended:
    def __init__(self, exitcode: int) -> None:
        self.exitcode = exitcode


def test_the_reason_is_the_error_of_a_process_before_the_end_of_the_others(tmp_path: Path) -> None:
    settings = build_settings("fine_tune", {"devices": 2, "nodes": 2})
    failure = RuntimeError("a traceback")

    def reason(*codes: int) -> Exception:
        return processes._reason([_Ended(code) for code in codes], tmp_path, failure, settings)

    ending = "give the same command on all machines again with --resume to go on from the last epoch"
    killed = reason(-signal.SIGTERM, -signal.SIGKILL)
    assert str(killed) == f"training process 2 of 2 was killed by SIGKILL: {ending}"
    assert str(reason(3, -signal.SIGTERM)) == f"a training process ended before the others: {ending}"
    assert reason(1, -signal.SIGTERM) is failure
    (tmp_path / "1.json").write_text('{"kind": "PhotoError", "message": "a.jpg cannot be read"}')
    assert type(reason(3, 2)).__name__ == "PhotoError"
    assert str(reason(3, 2)) == "a.jpg cannot be read"
