"""The folder of a run: what it was started with, and the checkpoint from which it goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fieldmark.atomic import atomic_file
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.base import Method
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.structures import RecordList
from fieldmark.training.gradient.run_state import RunState

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["RunFolder", "describe_run"]


def describe_run(
    method: Method, train: RecordList, val: RecordList, preprocess: Preprocess, settings: GradientSettings
) -> dict[str, Any]:
    """Everything that decides the numbers of a run, as JSON values by name.

    Budget, devices and logger may change when a run is resumed.
    """
    described: dict[str, Any] = settings.model_dump(
        mode="json", exclude={"budget", "device", "devices", "nodes", "logger"}
    )
    described |= {f"preprocess {name}": value for name, value in preprocess.to_dict().items()}
    described["model"] = _digest(str(method))
    described["training photos"] = _digest(_lines(train))
    described["val photos"] = _digest(_lines(val))
    return json.loads(json.dumps(described))  # type: ignore[no-any-return]


class RunFolder:
    """``run.json`` and ``last.ckpt`` in one folder; of several processes only the first writes.

    Args:
        path: Made where it is missing.
        fabric: Knows the processes.
    """

    def __init__(self, path: Path, fabric: Fabric) -> None:
        self.path = path
        self.fabric = fabric
        self.checkpoint = path / "last.ckpt"
        self._description = path / "run.json"

    def open(self, description: Mapping[str, Any], *, resume: bool) -> RunState:
        """Where the run stands: at its beginning, or where an earlier one was interrupted.

        Without `resume` an earlier run in the folder is given up.

        Raises:
            SettingError: There is no run to resume, or it was started with something else.
        """
        if resume:
            return self._resume(description)
        if self.fabric.is_global_zero:
            self.path.mkdir(parents=True, exist_ok=True)
            self.checkpoint.unlink(missing_ok=True)
            with atomic_file(self._description) as draft:
                draft.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8", errors="backslashreplace")
        self.fabric.barrier()
        return RunState()

    def save(self, state: RunState, learner: Mapping[str, Any]) -> None:
        """Replace the checkpoint at once, so that an interruption leaves the old or the new one."""
        if self.fabric.is_global_zero:
            with atomic_file(self.checkpoint) as draft:
                torch.save({"run_state": state.to_dict(), **learner}, draft)

    def load(self) -> dict[str, Any]:
        """The run's state and what `Learner.load_state_dict` takes; no pickled objects, so a foreign file runs no code.

        Raises:
            SettingError: It is damaged, or of an older version.
        """
        try:
            checkpoint: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            if not checkpoint.keys() >= {"run_state", "state_dict", "optimizer"}:
                raise KeyError(*checkpoint)
        except Exception as error:  # torch has many ways to fail on a damaged file
            raise SettingError(
                f"the checkpoint {self.checkpoint} cannot be read: start the run again without --resume"
            ) from error
        return checkpoint

    def _resume(self, description: Mapping[str, Any]) -> RunState:
        if not self._description.is_file():
            raise SettingError(f"there is no run to resume in {self.path}: start it without --resume")
        earlier = json.loads(self._description.read_text(encoding="utf-8"))
        for name in sorted(description.keys() | earlier.keys()):
            was, now = earlier.get(name), description.get(name)
            if was != now:
                raise SettingError(_differs(self.path, name, was, now))
        return RunState(**self.load()["run_state"]) if self.checkpoint.is_file() else RunState()


def _differs(path: Path, name: str, was: object, now: object) -> str:
    if name.endswith("photos") or name == "model":
        return f"the run in {path} was started with other {name}: resume it with the same or start without --resume"
    return (
        f"the run in {path} was started with {name} = {was!r}, but now it is {now!r}:"
        " resume it with the same value or start without --resume"
    )


def _lines(records: RecordList) -> str:
    return "\n".join([*records.classes, *(f"{r.path.name}\t{r.label}\t{r.trim_bottom}" for r in records)])


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
