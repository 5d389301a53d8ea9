"""The folder of a run: what it was started with, and the checkpoint from which it goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.base import Method
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.structures import RecordList
from fieldmark.training.gradient.run_state import RunState

__all__ = ["RunFolder", "describe_run"]


def describe_run(
    method: Method, train: RecordList, val: RecordList, preprocess: Preprocess, settings: GradientSettings
) -> dict[str, Any]:
    """Everything that decides the numbers of a run, as JSON values by name; a budget may change between parts."""
    described: dict[str, Any] = settings.model_dump(mode="json", exclude={"budget"})
    described |= {f"preprocess {name}": value for name, value in preprocess.to_dict().items()}
    described["model"] = _digest(str(method))
    described["training photos"] = _digest(_lines(train))
    described["val photos"] = _digest(_lines(val))
    return json.loads(json.dumps(described))  # type: ignore[no-any-return]


class RunFolder:
    """``run.json`` and ``last.ckpt`` in one folder.

    Args:
        path: Made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "last.ckpt"
        self._description = path / "run.json"

    def begin(self, description: Mapping[str, Any]) -> RunState:
        """A new run; an earlier one in the folder is given up."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.checkpoint.unlink(missing_ok=True)
        self._description.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        return RunState()

    def resume(self, description: Mapping[str, Any]) -> RunState:
        """Where an earlier run stands; at its beginning where it had not finished an epoch.

        Raises:
            SettingError: There is no run, or it was started with something else.
        """
        if not self._description.is_file():
            raise SettingError(f"there is no run to resume in {self.path}: start it without --resume")
        earlier = json.loads(self._description.read_text(encoding="utf-8"))
        for name in sorted(description.keys() | earlier.keys()):
            was, now = earlier.get(name), description.get(name)
            if was != now:
                raise SettingError(_differs(self.path, name, was, now))
        return RunState(**self.load()["run_state"]) if self.checkpoint.is_file() else RunState()

    def load_weights(self) -> dict[str, Any]:
        """The method's state dict in the checkpoint: averaged where an average is kept."""
        return {name.removeprefix("method."): tensor for name, tensor in self.load()["state_dict"].items()}

    def load(self) -> dict[str, Any]:
        """The checkpoint; tensors and plain values alone, so that a foreign file cannot run code.

        Raises:
            SettingError: It is damaged.
        """
        import torch

        try:
            checkpoint: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:  # torch has many ways to fail on a damaged file
            raise SettingError(
                f"the checkpoint {self.checkpoint} cannot be read: start the run again without --resume"
            ) from error
        return checkpoint


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
