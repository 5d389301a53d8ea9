"""Where the figures of each epoch are logged: CSV, TensorBoard, Weights & Biases or MLflow."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

from fieldmark.errors import SettingError

__all__ = ["EpochLogger", "LoggerName", "check_logger", "log_folder", "open_logger"]

LoggerName = Literal["csv", "tensorboard", "wandb", "mlflow"]

_PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "mlflow": ("mlflow",)}


class EpochLogger(Protocol):
    """What all of Lightning's loggers offer."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None: ...

    def save(self) -> None: ...

    def finalize(self, status: str) -> None: ...


def check_logger(name: LoggerName | None) -> None:
    """Make sure that the logger's package is installed.

    Raises:
        SettingError: It is not.
    """
    packages = _PACKAGES.get(name or "", ())
    if packages and not any(find_spec(package) for package in packages):
        raise SettingError(f"logger '{name}' needs a package that is not installed: pip install {packages[0]}")


def log_folder(run_dir: Path) -> Path:
    """Where a run's logs stay when it is over: ``model.logs`` for the run in ``model.run``."""
    return run_dir.with_suffix(".logs")


def open_logger(name: LoggerName | None, run_dir: Path) -> EpochLogger | None:
    """A logger that writes to `log_folder`, or to the tracking server that the environment names; None for none.

    Raises:
        SettingError: Its package is not installed.
    """
    if name is None:
        return None
    check_logger(name)
    folder = log_folder(run_dir)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CSVLogger warns that it replaces the log of an earlier run
        logger = _open(name, folder)
        logger.experiment  # noqa: B018  opens the log now
    return logger  # type: ignore[no-any-return]


def _open(name: LoggerName, folder: Path) -> Any:
    from lightning.fabric.loggers.csv_logs import CSVLogger
    from lightning.fabric.loggers.tensorboard import TensorBoardLogger
    from lightning.pytorch.loggers import MLFlowLogger, WandbLogger

    match name:
        case "csv":
            return CSVLogger(folder.parent, folder.name, "", flush_logs_every_n_steps=1)
        case "tensorboard":
            return TensorBoardLogger(folder.parent, folder.name, "")
        case "wandb":
            return WandbLogger(name=folder.stem, save_dir=folder, project="fieldmark")
        case "mlflow":
            return MLFlowLogger("fieldmark", folder.stem, save_dir=str(folder))
