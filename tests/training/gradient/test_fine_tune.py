"""The loop: it learns, it repeats itself, it leaves alone what is frozen, and it stops when it should."""

from __future__ import annotations

import math
import time

import pytest
import torch
from torch import nn

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import PhotoError, SettingError
from fieldmark.methods.base import Stage
from fieldmark.methods.fine_tune import FineTune
from fieldmark.methods.pooled import PooledMethod
from fieldmark.structures import Record
from fieldmark.training.gradient.averaging import WeightAverage
from fieldmark.training.gradient.learner import Learner
from fieldmark.training.gradient.loop import train_method

SMALL = Preprocess(image_size=32)
PLAIN = FineTune.Settings(
    epochs=2, batch_size=4, lr=3e-3, head_lr_scale=1, layer_decay=1, label_smoothing=0, dropout=0, crop_scale=0.8,
    freeze=None, ema=0, mixup=0, precision="32",
)  # fmt: skip


def weights(method: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in method.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_it_learns_eight_photos_of_seven_classes(tiny_method, drawings, tmp_path):
    method = tiny_method()
    settings = PLAIN.model_copy(update={"epochs": 40, "batch_size": 8})
    history = train_method(method, drawings, drawings, SMALL, settings, tmp_path)
    assert history.epochs == len(history.train_loss) == len(history.val_top1) == 40
    assert history.train_loss[-1] < 0.1 * history.train_loss[0]
    assert max(history.val_top1) == history.val_top1[history.best_epoch - 1] == 1.0
    assert not history.stopped_early
    assert history.peak_memory is None or history.peak_memory > 1e6
    assert not method.training
    assert all(parameter.requires_grad for parameter in method.parameters())


@pytest.mark.parametrize(
    "extra",
    [
        {"mixup": 0.4, "cutmix": 1.0, "randaugment": 5, "dropout": 0.3, "label_smoothing": 0.1},
        {"precision": "bf16", "poolings": ("gem", "cov"), "balanced": True, "ema": 0.9},
    ],
)
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny_method, drawings, tmp_path, extra):
    def run(seed: int) -> dict[str, torch.Tensor]:
        settings = PLAIN.model_copy(update={"epochs": 1, "seed": seed, **extra})
        method = tiny_method(poolings=settings.poolings, dropout=settings.dropout, cov_channels=8)
        history = train_method(method, drawings, drawings, SMALL, settings, tmp_path / "run")
        assert all(math.isfinite(loss) for loss in history.train_loss)
        return weights(method)

    torch.manual_seed(5)
    first = run(1)
    state = torch.random.get_rng_state()
    assert equal(first, run(1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert not equal(first, run(2))


class TwoStages(PooledMethod):
    """First the head alone, then the last stages too."""

    def stages(self):
        return [Stage("head", share=0.5, freeze="all"), Stage("top", share=0.5, freeze="stage2", lr_scale=0.1)]


def test_frozen_parts_keep_weights_and_statistics_and_stages_are_free_afterwards(tiny_method, drawings, tmp_path):
    plain = tiny_method()
    before = weights(plain)
    method = TwoStages(plain.backbone, 7)
    history = train_method(method, drawings, drawings.like([]), SMALL, PLAIN, tmp_path)
    assert history.epochs == history.best_epoch == 2
    assert history.val_top1 == ()
    frozen = ("backbone.model.conv_stem", "backbone.model.bn1", "backbone.model.blocks.0", "backbone.model.blocks.1")
    moved = ("head.weight", "backbone.model.conv_head.weight", "backbone.model.bn2.running_mean")
    after = weights(method)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith(frozen))
    assert not any(torch.equal(before[name], after[name]) for name in moved)
    assert all(parameter.requires_grad for parameter in method.parameters())


def test_freeze_all_trains_the_head_alone(tiny_method, drawings, tmp_path):
    method = tiny_method()
    before = weights(method)
    train_method(method, drawings, drawings, SMALL, PLAIN.model_copy(update={"freeze": "all"}), tmp_path)
    changed = {name for name, tensor in weights(method).items() if not torch.equal(tensor, before[name])}
    assert changed == {"head.weight", "head.bias"}


def test_frozen_batchnorm_keeps_the_statistics_but_not_the_weights(tiny_method, drawings, tmp_path):
    method = tiny_method()
    before = weights(method)
    train_method(method, drawings, drawings, SMALL, PLAIN.model_copy(update={"frozen_batchnorm": True}), tmp_path)
    after = weights(method)
    assert all(torch.equal(after[name], before[name]) for name in before if "running" in name)
    assert not torch.equal(before["backbone.model.bn1.bias"], after["backbone.model.bn1.bias"])


def test_single_photos_pass_batch_norm(tiny_method, drawings, tmp_path):
    tiny = Preprocess(image_size=16)  # a feature map of one location, on which batch norm fails with one photo
    for settings in (PLAIN, PLAIN.model_copy(update={"batch_size": 1})):
        history = train_method(tiny_method(), drawings.like(drawings[:5]), drawings, tiny, settings, tmp_path)
        assert all(math.isfinite(loss) for loss in history.train_loss)


def test_it_stops_when_val_no_longer_gets_better(tiny_method, drawings, tmp_path):
    settings = PLAIN.model_copy(update={"epochs": 12, "lr": 1e-12, "patience": 2, "frozen_batchnorm": True})
    history = train_method(tiny_method(), drawings, drawings, SMALL, settings, tmp_path)
    assert history.stopped_early
    assert history.epochs == history.best_epoch + 2 < 12


def test_the_weights_are_those_of_the_best_epoch(tiny_method, drawings, tmp_path):
    method = tiny_method()
    settings = PLAIN.model_copy(update={"epochs": 3, "lr": 0.03, "clip_norm": 0.0})
    history = train_method(method, drawings, drawings, SMALL, settings, tmp_path)
    from fieldmark.data.photos.preprocess import load_array
    from fieldmark.training.gradient.augment import normalize

    images = torch.stack([torch.from_numpy(load_array(r, SMALL).copy()).permute(2, 0, 1) for r in drawings])
    with torch.no_grad():
        logits = method(normalize(images, SMALL)).logits
    loss = nn.functional.cross_entropy(logits, torch.tensor(drawings.labels))
    assert float(loss) == pytest.approx(history.val_loss[history.best_epoch - 1], rel=1e-4)


def test_the_average_of_the_weights_equals_a_slow_oracle(tiny_method, drawings, tmp_path, monkeypatch):
    steps: list[dict[str, torch.Tensor]] = []

    def spy(self):
        update(self)
        steps.append(weights(self.method))

    update = WeightAverage.update
    monkeypatch.setattr(WeightAverage, "update", spy)
    method = tiny_method()
    settings = PLAIN.model_copy(update={"epochs": 3, "ema": 0.6, "seed": 4})
    history = train_method(method, drawings, drawings.like([]), SMALL, settings, tmp_path)
    assert history.averaged
    assert len(steps) == 6
    expected = steps[0]
    for updates, step in enumerate(steps[1:], start=1):
        decay = min(0.6, (1 + updates) / (10 + updates))
        expected = {
            name: decay * expected[name] + (1 - decay) * step[name] if step[name].is_floating_point() else step[name]
            for name in step
        }
    for name, tensor in method.state_dict().items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, expected[name], atol=1e-6), name
    assert not torch.allclose(method.head.weight, steps[-1]["head.weight"], atol=1e-6)


@pytest.fixture
def rates(monkeypatch) -> list[float]:
    """The learning rate of each step; steps take 50 ms longer."""
    seen: list[float] = []
    step = Learner.step

    def slow(self, batch):
        time.sleep(0.05)
        loss = step(self, batch)
        seen.append(self.optimizer.param_groups[0]["lr"])
        return loss

    monkeypatch.setattr(Learner, "step", slow)
    return seen


def test_a_budget_ends_the_training_in_time_with_the_rate_near_zero(tiny_method, drawings, tmp_path, rates):
    settings = PLAIN.model_copy(update={"epochs": 10_000, "batch_size": 2})
    started = time.monotonic()
    history = train_method(tiny_method(), drawings, drawings, SMALL, settings, tmp_path, budget=6.0)
    assert time.monotonic() - started < 9.0  # far from the 40 minutes of all epochs, however busy the machine
    assert history.epochs == len(history.val_top1) >= 1
    assert rates[-1] < 0.5 * max(rates)


def test_a_budget_too_small_for_an_epoch_ends_inside_of_it(tiny_method, drawings, tmp_path, rates):
    many = drawings.like(list(drawings) * 20)
    settings = PLAIN.model_copy(update={"batch_size": 2})
    history = train_method(tiny_method(), many, drawings, SMALL, settings, tmp_path, budget=1.5)
    assert history.epochs == len(history.val_top1) == 1
    assert 1 <= len(rates) < 80


def test_an_unreadable_photo_is_a_clear_error(tiny_method, drawings, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    with pytest.raises(PhotoError, match=r"^\S*bad\.jpg is empty \(0 bytes\): copy it again"):
        train_method(tiny_method(), drawings.like([*drawings, Record(bad, 0)]), drawings, SMALL, PLAIN, tmp_path / "r")


def test_settings_that_cannot_be_followed_are_refused(tiny_method, drawings, tmp_path):
    none = drawings.like([])
    with pytest.raises(SettingError, match=r"^training needs photos, but the train split is empty"):
        train_method(tiny_method(), none, drawings, SMALL, PLAIN, tmp_path)
    patient = PLAIN.model_copy(update={"patience": 3})
    with pytest.raises(SettingError, match=r"^patience needs val photos to score with"):
        train_method(tiny_method(), drawings, none, SMALL, patient, tmp_path)
