"""Embeddings learned by comparison: what is remembered, what is refused, what the loop makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.layers.metric import OBJECTIVE_OPTIONS
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method, method_options
from fieldmark.methods.metric_learning import MetricLearning
from fieldmark.recipe import build_settings
from fieldmark.structures import Record, RecordList
from fieldmark.training.gradient.loop import train_method

CLASSES = 3
COLOURS = ("red", "green", "blue")
PLAIN: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 6,
    "per_class": 2,
    "lr": 3e-3,
    "embedding_dim": 8,
    "remembered": 2,
    "crop_scale": 0.8,
    "frozen_batchnorm": True,  # so few steps leave its statistics behind
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def built(seed: int = 0, **changed: Any) -> MetricLearning:
    torch.manual_seed(seed)
    options = method_options(MetricLearning.Settings(**(PLAIN | changed)))
    method = build_method("metric_learning", CLASSES, {"backbone": "test_efficientnet", **options}, 32)
    assert isinstance(method, MetricLearning)
    return method


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> RecordList:
    """Grainy squares, four of each of three colours."""
    folder = tmp_path_factory.mktemp("squares")
    records = []
    for index in range(4 * CLASSES):
        path = folder / f"{index}.png"
        grain = Image.effect_noise((40, 40), 60).convert("RGB")
        Image.blend(Image.new("RGB", (40, 40), COLOURS[index % CLASSES]), grain, 0.2).save(path)
        records.append(Record(path, index % CLASSES))
    return RecordList(records, COLOURS)


@pytest.fixture(scope="module")
def trained(squares: RecordList, tmp_path_factory: pytest.TempPathFactory) -> MetricLearning:
    method = built()
    settings = MetricLearning.Settings(**PLAIN)
    history = train_method(method, squares, squares, Preprocess(32), settings, tmp_path_factory.mktemp("run"))
    assert max(history.val_top1) > 0.6  # answers by the newest embeddings, before anything is finished
    return method


def photos(count: int) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_finish_stores_as_many_photos_as_there_are_places(trained: MetricLearning) -> None:
    lengths = trained.memory.embeddings.norm(dim=2)
    torch.testing.assert_close(lengths, torch.ones(CLASSES, 2))


def test_stored_embeddings_are_saved(trained: MetricLearning, tmp_path: Path) -> None:
    save_file({name: tensor.contiguous() for name, tensor in trained.state_dict().items()}, tmp_path / "weights")
    loaded = built(seed=1).eval()
    loaded.load_state_dict(load_file(tmp_path / "weights"))
    with torch.no_grad():
        expected = trained(photos(2))
        assert torch.equal(loaded(photos(2)).logits, expected.logits)
    assert len(expected.logits.unique()) > 1


def test_stored_photos_are_recognized() -> None:
    method, images, labels = built(remembered=3).eval(), photos(6), torch.arange(6) % CLASSES
    method.finish(lambda: iter([(images[:4], labels[:4]), (images[4:], labels[4:])]))
    with torch.no_grad():
        output = method(images)
    torch.testing.assert_close(output.embedding.norm(dim=1), torch.ones(6))
    assert torch.equal(output.logits.argmax(1), labels)


def test_the_memory_changes_only_in_training() -> None:
    method, labels = built(), torch.tensor([0, 0, 2])
    method.loss(method.eval()(photos(3)), labels)
    assert not method.memory.embeddings.any()
    output = method.train()(photos(3))
    method.loss(output, labels)
    torch.testing.assert_close(method.memory.embeddings[0], output.embedding[:2].flip(0).detach())
    assert not method.memory.embeddings[1].any()


@pytest.mark.parametrize("objective", OBJECTIVE_OPTIONS)
def test_no_gradient_passes_through_stored_embeddings(objective: str) -> None:
    method: Method = built(objective=objective).train()
    for _ in range(2):
        loss = method.loss(method(photos(4)), torch.tensor([0, 0, 1, 1]))
        loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert all(parameter.grad is not None for parameter in method.head_parameters())


def test_class_proxies_train_like_a_head_and_are_saved() -> None:
    method = built(objective="subcenter_arcface", sub_centers=2)
    assert method.state_dict()["objective.loss.W"].shape == (8, 2 * CLASSES)
    assert any(parameter is method.objective.loss.W for parameter in method.head_parameters())
    assert method.linear_head is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["mixup=0.2"], "setting 'mixup' of metric_learning: its losses compare photos of one class each, so it must "
         "stay 0, but got '0.2'"),
        (["label_smoothing=0.1"], "setting 'label_smoothing' of metric_learning: its losses compare photos of one "
         "class each, so it must stay 0, but got '0.1'"),
        (["objective=triplet", "per_class=none"], "setting 'objective' of metric_learning: triplet compares photos of "
         "one class, so per_class must be 2 or more, but got 'triplet'"),
        (["objective=supcon", "margin=0.2"], "setting 'margin' of metric_learning: supcon has no such option; leave it "
         "out, but got '0.2'"),
        (["miner=semi_hard"], "setting 'miner' of metric_learning: proxy_anchor has no such option; leave it out, but "
         "got 'semi_hard'"),
        (["batch_size=4"], "setting 'per_class' of metric_learning: 4 photos a class and two classes make 8, but "
         "batch_size is 4; change either, but got 4"),
    ],
)  # fmt: skip
def test_settings_without_effect_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        build_settings("metric_learning", overrides=overrides)
    assert str(caught.value) == message


@pytest.mark.parametrize("objective", OBJECTIVE_OPTIONS)
def test_every_objective_has_settings(objective: str) -> None:
    given = [f"{name}={value}" for name, value in OBJECTIVE_OPTIONS[objective].items()]
    settings = build_settings("metric_learning", overrides=[f"objective={objective}", *given])
    assert isinstance(settings, MetricLearning.Settings)
    assert settings.objective == objective
