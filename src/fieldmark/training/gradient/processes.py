"""Train on several devices: one process for each, on one machine or on several.

The command prepares the photos and builds the method once, then starts the processes of its machine. They share every
batch through PyTorch's DistributedDataParallel, which Lightning Fabric sets up. The command waits for them and goes on
with what the first one made; if one ends early, it ends the others.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import fieldmark.errors
from fieldmark.atomic import atomic_file
from fieldmark.backbones.runners.device import choose_device
from fieldmark.cores import available_cpus
from fieldmark.cores import scheduled_cpus as _cores
from fieldmark.errors import FieldmarkError, SettingError, TrainingError
from fieldmark.methods.base import Method
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.progress import Verbosity, set_verbosity, verbosity
from fieldmark.training.gradient.batch_statistics import share_batch_statistics, trained_batch_norms
from fieldmark.training.gradient.run_state import History

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["check_processes", "train_together"]

logger = logging.getLogger(__name__)

_REPORTED, _LOST = 2, 3
"""Exit codes of a process: it has written its error to a file, or another process is gone."""
_ADDRESS = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")


def check_processes(settings: GradientSettings) -> None:
    """Check that there are as many devices as a fit asks for, and that they can share its batches.

    Raises:
        SettingError: They are not there, a batch does not divide evenly, or the machines do not know each other.
    """
    devices, nodes = settings.devices, settings.nodes
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise SettingError(
            "torchrun started this command, but fit starts its own processes: start it once on each machine, with "
            "--devices and --nodes"
        )
    if devices * nodes == 1:
        return
    kind = choose_device(settings.device)
    there = {"cuda": torch.cuda.device_count, "cpu": _cores}.get(kind, lambda: 1)()
    if devices > there:
        thing = "CPU core(s)" if kind == "cpu" else f"{kind.upper()} device(s)"
        raise SettingError(f"--devices asks for {devices}, but this machine has {there} {thing}: lower it")
    if settings.batch_size % (devices * nodes):
        raise SettingError(
            f"{devices * nodes} devices cannot share batches of {settings.batch_size} photos evenly: "
            "set batch_size to a multiple"
        )
    missing = [name for name in _ADDRESS if name not in os.environ] if nodes > 1 else []
    if missing:
        raise SettingError(
            f"--nodes {nodes} needs the environment variable {missing[0]}: set MASTER_ADDR and MASTER_PORT to an "
            "address and a free port of the first machine, and NODE_RANK to 0 there, 1 on the next and so on"
        )


def train_together(
    run: partial[History], method: Method, settings: GradientSettings, run_dir: Path, *, half: bool
) -> History:
    """Train a method in a process for each device, and give it the weights that they end with.

    Args:
        run: Trains its keyword argument `method` with a Fabric and `half`; it can be pickled.
        method: The same method, on the CPU.
        settings: Its `device`, `devices` and `nodes` count.
        run_dir: The folder of the run; all machines share it.
        half: Compute in bfloat16.

    Raises:
        FieldmarkError: A process raised it.
        TrainingError: A process was killed, or lost the others.
        SystemExit: This is not the first machine: training is over here.
        KeyboardInterrupt: Ctrl-C; the processes have ended.
    """
    file = run_dir / "trained.pt"
    first = settings.nodes == 1 or os.environ.get("NODE_RANK") == "0"
    if first:
        file.unlink(missing_ok=True)
    _run_in_processes(partial(_train_and_write, run, half, file), settings, half=half)
    if not first:
        logger.info("  training is over; the first machine writes the model")
        raise SystemExit(0)
    if not file.is_file():
        raise TrainingError("the training processes were interrupted: give the same command again with --resume")
    found = torch.load(file, map_location="cpu", weights_only=True)
    file.unlink()
    method.load_state_dict(found["state_dict"])
    return History(**found["history"])


def _train_and_write(run: partial[History], half: bool, file: Path, fabric: Fabric) -> None:
    """Train in one of several processes; the first one writes the weights and the history."""
    # Unpickled weights lie in memory that the processes share.
    method = copy.deepcopy(run.keywords["method"])
    if not share_batch_statistics(method, fabric.device.type):
        _say_own_statistics(method, frozen_batchnorm=run.keywords["settings"].frozen_batchnorm)
    history = run(fabric, method=method, half=half)
    if fabric.is_global_zero:
        with atomic_file(file) as draft:
            torch.save({"state_dict": method.state_dict(), "history": asdict(history)}, draft)


def _say_own_statistics(method: Method, *, frozen_batchnorm: bool) -> None:
    """Say that batch norms learn from the photos of each process alone. Only the first process logs at this level."""
    if not trained_batch_norms(method, frozen_batchnorm=frozen_batchnorm):
        return
    advice = "" if frozen_batchnorm else "; with --set frozen_batchnorm=true the weights equal those of one process"
    logger.info(
        f"  batch norm uses the statistics of each process's own photos, since PyTorch shares them on GPUs only{advice}"
    )


def _run_in_processes(work: Callable[[Fabric], None], settings: GradientSettings, *, half: bool) -> None:
    """Call a function in a process for each device of this machine, with the Fabric that connects them all.

    Args:
        work: Must be picklable. What it learns, it writes to files.
        settings: Its `device`, `devices` and `nodes` count.
        half: Compute in bfloat16.
    """
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

    address = {name: os.environ[name] for name in _ADDRESS} if settings.nodes > 1 else _own_address()
    # PyTorch advises on every start to look for unused parameters only where there are some; methods differ in that.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    with tempfile.TemporaryDirectory() as reports:
        options = (work, settings, half, address, Path(reports), verbosity())
        # Spawned, since a forked process cannot use CUDA.
        running = start_processes(  # type: ignore[no-untyped-call]
            _process, options, nprocs=settings.devices, join=False, start_method="spawn"
        )
        try:
            while not running.join():
                pass
        except (ProcessExitedException, ProcessRaisedException) as failure:
            raise _reason(running.processes, Path(reports), failure, settings) from failure
        finally:
            for process in running.processes:
                process.kill()  # does nothing to one that has ended
            for process in running.processes:
                process.join()


def _process(
    local_rank: int,
    work: Callable[[Fabric], None],
    settings: GradientSettings,
    half: bool,
    address: dict[str, str],
    reports: Path,
    level: Verbosity,
) -> None:
    """What a process does: take its device and its share of the cores, meet the others, and work."""
    from fieldmark.training.gradient.hardware import start_fabric

    first = local_rank == 0 and address["NODE_RANK"] == "0"
    set_verbosity(level if first or level in ("warning", "error") else "warning")
    os.environ.update(address, LOCAL_RANK=str(local_rank))
    _share_cores(local_rank, settings.devices)
    kind = choose_device(settings.device)
    device = torch.device(kind, local_rank) if kind == "cuda" else torch.device(kind)
    try:
        work(start_fabric(device, half=half, devices=settings.devices, nodes=settings.nodes))
        torch.distributed.destroy_process_group()
    except FieldmarkError as error:
        report = {"kind": type(error).__name__, "message": str(error)}
        (reports / f"{local_rank}.json").write_text(json.dumps(report), encoding="utf-8")
        sys.exit(_REPORTED)
    except RuntimeError as error:
        # Gloo has no error class of its own.
        if isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower():
            logging.getLogger(__name__).debug("process %d: %s", local_rank, error)
            sys.exit(_LOST)
        raise


def _share_cores(local_rank: int, processes: int) -> None:
    """Give each process of a machine cores of its own, for decoding and for PyTorch."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) >= processes:
            os.sched_setaffinity(0, cores[local_rank::processes])
    torch.set_num_threads(max(1, min(torch.get_num_threads(), available_cpus())))


def _own_address() -> dict[str, str]:
    """A free port of this machine, which only this machine can reach."""
    from lightning.fabric.plugins.environments.lightning import find_free_network_port

    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_free_network_port()), "NODE_RANK": "0"}


def _reason(processes: Any, reports: Path, failure: Exception, settings: GradientSettings) -> Exception:
    """Return what to raise: the error of a process, or which one was killed. An unexpected error stays as it is."""
    for file in sorted(reports.glob("*.json")):
        report = json.loads(file.read_text(encoding="utf-8"))
        kind: type[FieldmarkError] = getattr(fieldmark.errors, report["kind"], FieldmarkError)
        return kind(report["message"])
    codes = [process.exitcode for process in processes]
    again = "give the same command again with --resume to go on from the last epoch"
    if settings.nodes > 1:
        again = again.replace("command again", "command on all machines again")
    # The others are ended by SIGTERM once one is gone.
    killed = [rank for rank, code in enumerate(codes) if code is not None and code < 0 and code != -signal.SIGTERM]
    if killed:
        name = signal.Signals(-codes[killed[0]]).name
        return TrainingError(f"training process {killed[0] + 1} of {len(codes)} was killed by {name}: {again}")
    if _LOST in codes or not any(code == 1 for code in codes):
        return TrainingError(f"a training process ended before the others: {again}")
    return failure
