"""Maps of the frozen stages for several augmented views of each photo, computed once and read in every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fieldmark.backbones.frozen_prefix import FrozenPrefix
from fieldmark.backbones.runners.batches import in_batches
from fieldmark.backbones.runners.choose_runner import module_runner
from fieldmark.backbones.runners.device import Device
from fieldmark.backbones.runners.runner import Runner
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.base import Method
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.progress import progress_bar
from fieldmark.training.gradient.photo_batches import Batch, TrainingPhotos, ValPhotos
from fieldmark.training.gradient.samplers import mix_seed

__all__ = ["CachedTraining", "CachedVal", "cached_frozen_stages", "check_cached_views"]

Half = NDArray[np.float16]


def check_cached_views(method: Method, settings: GradientSettings, processes: int, stages: int) -> None:
    """Check that a method can learn from cached maps.

    Raises:
        SettingError: It has several stages or backbones, changes pixels itself, learns from annotations, or trains in
            several processes.
    """
    if not settings.cached_views:
        return
    reasons = {
        "learns from annotations": method.point_names is not None,
        "cuts, erases or shuffles pixels": method.makes_views,
        "has several stages of training": stages > 1,
        "has several backbones": len(method.backbones) > 1,
        "trains in several processes": processes > 1,
    }
    for reason, holds in reasons.items():
        if holds:
            raise SettingError(f"cached_views does not work with '{settings.method}', which {reason}; leave it out")


@contextmanager
def cached_frozen_stages(
    method: Method, photos: TrainingPhotos, val: ValPhotos, preprocess: Preprocess, folder: Path
) -> Iterator[tuple[TrainingPhotos | CachedTraining, ValPhotos | CachedVal]]:
    """Yield what to learn from and what to score: maps of the frozen stages with ``cached_views``, else the photos.

    Meanwhile the method takes maps in place of images.

    Args:
        method: Its backbone is frozen already.
        photos: To learn from.
        val: To score.
        preprocess: Their geometry.
        folder: Where the file of the maps goes; it is deleted in the end.

    Raises:
        SettingError: The backbone cannot be cut behind its frozen stages.
    """
    settings = photos.settings
    if not settings.cached_views:
        yield photos, val
        return
    prefix = FrozenPrefix(method.backbone, preprocess.image_size)
    learned = CachedTraining(photos, prefix, folder, settings.device)
    try:
        scored = CachedVal(val, prefix, preprocess, settings.device)
        with prefix.skipped():
            yield learned, scored
    finally:
        learned.close()


class CachedTraining:
    """Batches of cached maps in place of `TrainingPhotos`, in the same order of photos.

    View v of photo i is the crop that the seed (`settings.seed`, v, i) draws; epoch e reads view (i + e) modulo the
    number of views. RandAugment applies to the views; MixUp and CutMix apply to the maps in each step, so they mix
    hidden states as manifold mixup does (Verma et al., "Manifold mixup: Better representations by interpolating hidden
    states", ICML 2019).

    Args:
        photos: Crops the views. Its decoded photos are no longer needed afterwards.
        prefix: The frozen stages.
        folder: Where the file of the maps goes.
        device: What computes them.

    Raises:
        PhotoError: A photo cannot be read.
        SettingError: A value of a map does not fit into 16 bits.
    """

    def __init__(self, photos: TrainingPhotos, prefix: FrozenPrefix, folder: Path, device: Device) -> None:
        self.photos, self.settings = photos, photos.settings
        self.device = photos.device
        runner = module_runner(prefix, photos.preprocess, ["map"], device)
        views, count = self.settings.cached_views, len(photos)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "maps.f16"
        self.maps: Half = np.memmap(self.path, np.float16, "w+", shape=(views, count, *prefix.shape))
        draws = [(view, index) for view in range(views) for index in range(count)]
        runner.expect(len(draws))

        def work(batch: Sequence[tuple[int, int]]) -> int:
            seeded = [(index, mix_seed(self.settings.seed, view, index)) for view, index in batch]
            maps = _run(runner, photos.crop(seeded).images)
            for (view, index), one in zip(batch, maps, strict=True):
                self.maps[view, index] = one
            return len(batch)

        # RandAugment draws from PyTorch's global generator, which threads would share.
        threads = 1 if self.settings.randaugment else None
        with progress_bar() as bar:
            task = bar.add_task("computing frozen stages", total=len(draws))
            for done in in_batches(draws, work, batch_size=8, threads=threads):
                bar.advance(task, done)
        photos.forget_pixels()

    def steps(self, stage: int) -> int:
        """Batches of an epoch."""
        return self.photos.steps(stage)

    def batches(self, stage: int, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, both 0-based; `Batch.images` are maps (B, *shape) float16."""
        for draws in self.photos.order(stage, epoch):
            indices = [index for index, _ in draws]
            views = [(index + epoch) % self.settings.cached_views for index in indices]
            yield Batch(torch.from_numpy(self.maps[views, indices]), self.photos.labels_of(indices)).to(self.device)

    def close(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


class CachedVal:
    """The val photos as maps in place of `ValPhotos`.

    Args:
        photos: The photos.
        prefix: The frozen stages.
        preprocess: Geometry of the photos.
        device: What computes the maps.
    """

    def __init__(self, photos: ValPhotos, prefix: FrozenPrefix, preprocess: Preprocess, device: Device) -> None:
        runner = module_runner(prefix, preprocess, ["map"], device)
        self.batch_size, self.device = photos.batch_size, photos.device
        self.labels = photos.labels
        self.maps = [torch.from_numpy(_run(runner, batch.images.cpu())) for batch in photos]

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.maps)

    def __iter__(self) -> Iterator[Batch]:
        for number, maps in enumerate(self.maps):
            start = number * self.batch_size
            yield Batch(maps, self.labels[start : start + len(maps)]).to(self.device)


def _run(runner: Runner, images: Tensor) -> Half:
    """Return the maps of crops (B, 3, S, S) uint8."""
    maps = runner.run(np.ascontiguousarray(images.cpu().permute(0, 2, 3, 1).numpy()))["map"]
    if not np.abs(maps).max(initial=0) < np.finfo(np.float16).max:
        raise SettingError("a value of the frozen stages does not fit into 16 bits; leave cached_views out")
    return maps.astype(np.float16)
