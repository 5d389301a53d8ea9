"""What a method may do before its stages and after the last one, and which of its parts learn in which stage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fieldmark.backbones.factory import create_backbone
from fieldmark.data.read import read
from fieldmark.methods.base import Method, ModelOutput, Photos, Stage
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient.loop import train_method


class TwoParts(Method):
    """Its projection and its head learn in turn."""

    def __init__(self) -> None:
        super().__init__(create_backbone("test_efficientnet", image_size=32, pretrained=False), 4)
        self.project = nn.Linear(self.backbone.channels, 8)
        self.head = nn.Linear(8, 4)
        self.seen: list[tuple[int, int, list[int]]] = []
        self.weights: list[Tensor] = []
        self.finished = 0

    def forward(self, images: Tensor) -> ModelOutput:
        embedding = self.project(self.backbone(images).mean((-2, -1)))
        return ModelOutput(self.head(embedding), embedding)

    def stages(self) -> list[Stage]:
        return [Stage("head", 0.5, "all", trains=("head",)), Stage("projection", 0.5, "all", trains=("project",))]

    def begin_stage(self, index: int, photos: Photos) -> None:
        labels = torch.cat([labels for _, labels in photos()])
        self.seen.append((index, len(labels), sorted(set(labels.tolist()))))
        self.weights += [self.project.weight.detach().clone(), self.head.weight.detach().clone()]
        assert not self.training

    def finish(self, photos: Photos) -> None:
        self.finished = sum(len(images) for images, _ in photos())
        self.weights += [self.project.weight.detach().clone(), self.head.weight.detach().clone()]


@pytest.fixture
def trained(birds: Path, tmp_path: Path) -> TwoParts:
    records = read(birds)
    few = records.like(records[::4])
    method = TwoParts()
    settings = FineTune.Settings(epochs=2, batch_size=8, image_size=32, ema=0.0)
    preprocess = method.backbone.preprocess(32, "squash")
    train_method(method, few, records.like([]), preprocess, settings, tmp_path / "run")
    return method


def test_a_method_looks_at_the_training_photos_before_each_stage_and_after_the_last(trained: TwoParts) -> None:
    assert trained.seen == [(0, 24, [0, 1, 2, 3]), (1, 24, [0, 1, 2, 3])]
    assert trained.finished == 24


def test_only_the_named_parts_learn_in_a_stage(trained: TwoParts) -> None:
    project_0, head_0, project_1, head_1, project_2, head_2 = trained.weights
    assert torch.equal(project_0, project_1)
    assert not torch.equal(head_0, head_1)
    assert not torch.equal(project_1, project_2)
    assert torch.equal(head_1, head_2)


def test_everything_is_trainable_afterwards(trained: TwoParts) -> None:
    assert all(parameter.requires_grad for parameter in trained.parameters())
