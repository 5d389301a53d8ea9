"""One step of a training that is too long to try: what it needs in memory, and how long all of it would take."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from fieldmark.errors import SettingError
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method, method_options
from fieldmark.methods.settings_base import FitSettings, GradientSettings
from fieldmark.structures import RecordList
from fieldmark.training.gradient.hardware import half_precision, peak_memory, start_fabric, training_device
from fieldmark.training.gradient.learner import Learner, freeze_for
from fieldmark.training.gradient.optim import WarmupCosine
from fieldmark.training.gradient.photo_batches import TrainingPhotos

__all__ = ["DryRun", "dry_run", "free_memory"]

_PROBE = 2
"""Photos of the first, small step, which tells what a photo needs. Batch norm wants more than one."""

_SHARE = 0.8
"""Of the free memory that a step may take."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What one step tells of the whole training.

    Attributes:
        parameters: Weights of the model.
        trained: Those that the step has moved.
        batch_size: Photos in the step.
        wanted_batch_size: Photos in a batch of the real training.
        peak_bytes: Most memory held, on the GPU if there is one; None where the system does not tell.
        step_seconds: Forward, backward and optimizer.
        steps: Of the real training, all epochs together.
        seconds: Of the real training, without reading photos and without validation.
        device: ``cuda`` or ``cpu``.
        loss: Of the step.
    """

    parameters: int
    trained: int
    batch_size: int
    wanted_batch_size: int
    peak_bytes: int | None
    step_seconds: float
    steps: int
    seconds: float
    device: str
    loss: float


def dry_run(settings: FitSettings, num_classes: int, num_photos: int, photos: RecordList) -> DryRun:
    """Build the model and take a step with its longest stage.

    The backbone's weights are drawn at random: they change neither memory nor time, and nothing is downloaded.

    Args:
        settings: Of a method that trains by gradient descent.
        num_classes: K.
        num_photos: Photos to learn from, for the projected time.
        photos: Where the step takes its photos from, again and again if they are too few.

    Raises:
        SettingError: The method has no steps, or the memory does not suffice for two photos.
    """
    if not isinstance(settings, GradientSettings):
        raise SettingError(
            f"--dry-run tries a step of gradient descent, but '{settings.method}' takes none; fit it as it is"
        )
    options = {"backbone": settings.backbone, **method_options(settings)}
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(settings.seed)
        method = build_method(settings.method, num_classes, options, settings.image_size)
        trial = _Trial(method, settings, _enough(photos, settings.batch_size))
        small = trial.step(min(_PROBE, settings.batch_size))
        size = _fitting_batch(settings.batch_size, small.grown)
        taken = trial.step(size)
    steps = settings.epochs * -(-num_photos // settings.batch_size)
    return DryRun(
        parameters=sum(parameter.numel() for parameter in method.parameters()),
        trained=sum(parameter.numel() for parameter in method.parameters() if parameter.requires_grad),
        batch_size=size,
        wanted_batch_size=settings.batch_size,
        peak_bytes=peak_memory(),
        step_seconds=taken.seconds,
        steps=steps,
        seconds=settings.epochs * num_photos * taken.seconds / size,
        device=trial.device.type,
        loss=taken.loss,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """One step: seconds, bytes that its photos took at most, loss."""

    seconds: float
    grown: int
    loss: float


class _Trial:
    """The longest stage of a method, ready for single steps."""

    def __init__(self, method: Method, settings: GradientSettings, records: RecordList) -> None:
        self.device = training_device(settings.device)
        half = half_precision(settings.precision, self.device)
        fabric = start_fabric(self.device, half=half)
        stage = max(method.stages(), key=lambda stage: stage.share)
        index = method.stages().index(stage)
        freeze_for(method, stage, settings)
        preprocess = method.backbone.preprocess(settings.image_size, settings.resize)
        self.photos = TrainingPhotos(records, preprocess, settings, fabric, method.point_names)
        method.to(self.device)
        self.learner = Learner(fabric, method, settings, stage, index, preprocess, WarmupCosine(1, 0.0))
        self.learner.begin_epoch()

    def step(self, photos: int) -> _Step:
        """Forward, backward and optimizer on so many photos."""
        batch = next(self.photos.batches(0, 0)).first(photos)
        before, started = peak_memory() or 0, time.perf_counter()
        try:
            value = float(self.learner.step(batch))
        except torch.OutOfMemoryError as error:
            raise SettingError(
                f"a step with {photos} photos does not fit into the memory of the {self.device.type}: "
                "choose a smaller image_size or backbone"
            ) from error
        return _Step(time.perf_counter() - started, (peak_memory() or 0) - before, value)


def free_memory() -> int | None:
    """Bytes that could be had now, on the GPU if there is one; None where the system does not tell."""
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    file = Path("/proc/meminfo")
    if not file.is_file():
        return None
    values = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return int(values["MemAvailable"].split()[0]) * 1024


def _fitting_batch(wanted: int, grown: int) -> int:
    """Photos that fit into the free memory, at most `wanted`; `grown` is what the first, small step took."""
    free = free_memory()
    if free is None or grown <= 0:
        return wanted
    return max(_PROBE, min(wanted, int(_SHARE * free / (grown / _PROBE))))


def _enough(photos: RecordList, batch_size: int) -> RecordList:
    """Return as many photos as a batch needs."""
    count = max(_PROBE, batch_size)
    return photos.like((list(photos) * -(-count // len(photos)))[:count])
