"""One stage of a method in training: what a step does to its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.base import Annotations, Method, Stage
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.training.gradient.augment import mix_photos, normalize
from fieldmark.training.gradient.averaging import WeightAverage
from fieldmark.training.gradient.batch_statistics import shares_batch_statistics
from fieldmark.training.gradient.epoch_plan import combined_freeze
from fieldmark.training.gradient.optim import WarmupCosine, build_optimizer
from fieldmark.training.gradient.photo_batches import Batch
from fieldmark.training.gradient.samplers import mix_seed

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["Learner", "freeze_for", "set_learning_mode"]


class _Loss(nn.Module):
    """A method's loss as a forward pass, which is what precision and several processes wrap."""

    def __init__(self, method: Method, label_smoothing: float) -> None:
        super().__init__()
        self.method = method
        self.label_smoothing = label_smoothing

    def forward(self, images: Tensor, labels: Tensor, annotations: Annotations | None) -> Tensor:
        try:
            if annotations is not None:
                return self.method.annotated_loss(images, labels, annotations, label_smoothing=self.label_smoothing)
            return self.method.loss(self.method(images), labels, label_smoothing=self.label_smoothing)
        except ValueError as error:
            if not str(error).startswith("Expected more than 1 value per channel"):
                raise
            raise SettingError(
                "batch norm cannot learn from one photo whose feature map has a single place: raise batch_size or "
                "image_size"
            ) from error


class Learner:
    """Weights, optimizer, learning rate and moving average of one stage.

    Args:
        fabric: Device, precision and processes.
        method: What learns.
        settings: How.
        stage: What of it, and at which rate.
        index: Of the stage; another one draws other random numbers.
        preprocess: Its mean and standard deviation normalise the images.
        schedule: The course of the learning rate.
        fitted_head: See `layerwise_groups`.
    """

    def __init__(
        self,
        fabric: Fabric,
        method: Method,
        settings: GradientSettings,
        stage: Stage,
        index: int,
        preprocess: Preprocess,
        schedule: WarmupCosine,
        *,
        fitted_head: bool = False,
    ) -> None:
        self.fabric, self.method, self.settings = fabric, method, settings
        self.index, self.preprocess, self.schedule = index, preprocess, schedule
        optimizer = build_optimizer(method, settings, stage.lr_scale, stage.head_lr_scale, fitted_head=fitted_head)
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.loss, self.optimizer = fabric.setup(_Loss(method, settings.label_smoothing), optimizer)
        self.average = WeightAverage(method, settings.ema)
        self.steps = 0

    def begin_epoch(self) -> None:
        """Training mode for what trains."""
        # A batch of one photo has no statistics.
        alone = self.settings.batch_size <= (1 if shares_batch_statistics(self.method) else self.fabric.world_size)
        set_learning_mode(self.method, frozen_batchnorm=self.settings.frozen_batchnorm or alone)

    def step(self, batch: Batch) -> Tensor:
        """Learn from a batch; its loss, a scalar on the device."""
        settings = self.settings
        # Dropout and mixing depend only on the step, so a resumed run gives the same result as an uninterrupted one.
        seed = mix_seed(settings.seed, self.index, self.steps, self.fabric.global_rank)
        torch.manual_seed(seed)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.schedule.factor(self.steps)
        images, labels = self._inputs(batch), batch.labels
        if batch.annotations is None:
            images, labels = mix_photos(images, labels, settings, self.method.num_classes, seed)
        loss: Tensor = self.loss(images, labels, batch.annotations)
        self.fabric.backward(loss)
        if settings.clip_norm:
            self.fabric.clip_gradients(self.loss, self.optimizer, max_norm=settings.clip_norm, error_if_nonfinite=False)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update()
        self.steps += 1
        return loss.detach()

    @torch.no_grad()
    def logits(self, batch: Batch) -> Tensor:
        """(B, K) float32."""
        with self.fabric.autocast():
            return self.method(self._inputs(batch)).logits.float()  # type: ignore[no-any-return]

    def _inputs(self, batch: Batch) -> Tensor:
        """Normalised images, or the maps of the frozen stages as they are."""
        if batch.images.dtype == torch.uint8:
            return normalize(batch.images, self.preprocess)
        layout = torch.channels_last if batch.images.ndim == 4 else torch.contiguous_format
        return batch.images.to(torch.float32, memory_format=layout)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on bit for bit: tensors and plain values."""
        own = self.method.state_dict()
        return {
            "state_dict": self.average.tensors or own,
            "own_weights": own,
            "updates": self.average.updates,
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "total_steps": self.schedule.total,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.method.load_state_dict(state["own_weights"])
        self.average.restore(state["state_dict"], state["updates"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]
        self.schedule.total = state["total_steps"]


def freeze_for(method: Method, stage: Stage, settings: GradientSettings) -> None:
    """Freeze what does not train in a stage."""
    for backbone in method.backbones:
        backbone.freeze(combined_freeze(list(backbone.stages), stage.freeze, settings.freeze))
    method.freeze_parts(stage.trains)


def set_learning_mode(method: Method, *, frozen_batchnorm: bool) -> None:
    """Training mode, but evaluation mode for whatever has only frozen parameters.

    Otherwise the running statistics of frozen batch norms would move and their dropout go on.

    Args:
        method: What trains.
        frozen_batchnorm: Also keep the statistics of the backbones' batch norms whose weights do train.
    """
    method.train()
    in_backbones = {id(module) for backbone in method.backbones for module in backbone.modules()}
    for module in method.modules():
        parameters = list(module.parameters())
        frozen = bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
        batchnorm = isinstance(module, nn.modules.batchnorm._BatchNorm) and id(module) in in_backbones
        if frozen or (frozen_batchnorm and batchnorm):
            module.eval()
