"""A `Method` as Lightning wants it: steps, optimizer, and what learns in which mode."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MeanMetric

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.base import Annotations, Method, Stage
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.training.gradient.augment import build_mixing, normalize
from fieldmark.training.gradient.optim import WarmupCosine, build_optimizer
from fieldmark.training.gradient.samplers import mix_seed

__all__ = ["MethodModule", "set_learning_mode"]

Batch = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Annotations]
"""Images (B, 3, S, S) uint8, labels (B,) and, where the method wants them, annotations."""


class MethodModule(LightningModule):
    """One stage of training of any method.

    Args:
        method: What learns.
        settings: How.
        stage: What of it, and at which rate.
        stage_index: Another stage draws other random numbers.
        preprocess: Its mean and standard deviation normalise the images.
        schedule: The course of the learning rate.
        fitted_head: See `layerwise_groups`.
    """

    def __init__(
        self,
        method: Method,
        settings: GradientSettings,
        stage: Stage,
        stage_index: int,
        preprocess: Preprocess,
        schedule: WarmupCosine,
        *,
        fitted_head: bool = False,
    ) -> None:
        super().__init__()
        self.method = method
        self.settings = settings
        self.stage = stage
        self.stage_index = stage_index
        self.preprocess = preprocess
        self.schedule = schedule
        self.fitted_head = fitted_head
        self.mixing = build_mixing(settings, method.num_classes)
        self.train_loss = MeanMetric()
        self.val_loss = MeanMetric()
        self.val_top1 = MeanMetric()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        scales = self.stage.lr_scale, self.stage.head_lr_scale
        optimizer = build_optimizer(self.method, self.settings, *scales, fitted_head=self.fitted_head)
        scheduler = LambdaLR(optimizer, lambda step: self.schedule.factor(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        frozen_batchnorm = self.settings.frozen_batchnorm or self.settings.batch_size == 1
        set_learning_mode(self.method, frozen_batchnorm=frozen_batchnorm)
        self.train_loss.reset()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Dropout and mixing depend on the step alone, so that an interrupted run goes on as if nothing had been.
        torch.manual_seed(mix_seed(self.settings.seed, self.stage_index, self.global_step, self.global_rank))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        images, *others = batch
        return normalize(images, self.preprocess), *others

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        smoothing = self.settings.label_smoothing
        if len(batch) == 3:
            loss = self.method.annotated_loss(*batch, label_smoothing=smoothing)
        else:
            images, labels = self.mixing(*batch) if self.mixing else batch
            loss = self.method.loss(self.method(images), labels, label_smoothing=smoothing)
        self.train_loss.update(loss.detach(), len(batch[0]))
        return loss

    def on_validation_epoch_start(self) -> None:
        self.val_loss.reset()
        self.val_top1.reset()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        images, labels = batch
        logits = self.method(images).logits.float()
        self.val_loss.update(F.cross_entropy(logits, labels), len(images))
        self.val_top1.update((logits.argmax(1) == labels).float())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["total_steps"] = self.schedule.total

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.schedule.total = checkpoint["total_steps"]


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
