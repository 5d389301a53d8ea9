"""An interrupted run that goes on ends where an uninterrupted one does."""

from __future__ import annotations

import signal

import pytest
import torch

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.base import Stage
from fieldmark.methods.fine_tune import FineTune
from fieldmark.methods.pooled import PooledMethod
from fieldmark.training.gradient.loop import train_method

SMALL = Preprocess(image_size=32)
SETTINGS = FineTune.Settings(
    epochs=3, batch_size=4, lr=3e-3, dropout=0.2, mixup=0.2, freeze=None, ema=0, precision="32"
)


class Interrupted(PooledMethod):
    """Two stages of training; Ctrl-C comes with the given call of `loss`."""

    calls = 0
    stop_at = -1

    def stages(self):
        return [Stage("head", share=1 / 3, freeze="all"), Stage("everything", share=2 / 3)]

    def loss(self, output, labels, *, label_smoothing=0.0):
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        return super().loss(output, labels, label_smoothing=label_smoothing)


def build(tiny_method, stop_at: int = -1) -> Interrupted:
    plain = tiny_method()
    torch.manual_seed(1)
    method = Interrupted(plain.backbone, 7, dropout=0.2)
    method.stop_at = stop_at
    return method


@pytest.mark.parametrize(
    ("stop_at", "extra"),
    [
        (1, {}),  # nothing done yet
        (3, {}),  # after epoch 1 of 3, at the border of the stages
        (6, {"ema": 0.8}),  # in epoch 3, inside the second stage
        (3, {"ema": 0.8, "balanced": True}),
    ],
)
def test_a_resumed_run_ends_with_the_weights_of_a_straight_one(tiny_method, drawings, tmp_path, stop_at, extra):
    settings = SETTINGS.model_copy(update=extra)
    straight = build(tiny_method)
    expected = train_method(straight, drawings, drawings, SMALL, settings, tmp_path / "straight")
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_method(build(tiny_method, stop_at), drawings, drawings, SMALL, settings, tmp_path / "cut")
    assert signal.getsignal(signal.SIGINT) is handler
    resumed = build(tiny_method)
    history = train_method(resumed, drawings, drawings, SMALL, settings, tmp_path / "cut", resume=True)
    assert history.train_loss == expected.train_loss
    assert history.val_top1 == expected.val_top1
    assert history.best_epoch == expected.best_epoch
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert resumed.calls == 6 - 2 * ((stop_at - 1) // 2)


def test_a_finished_run_resumes_to_its_result_without_training(tiny_method, drawings, tmp_path):
    first = build(tiny_method)
    history = train_method(first, drawings, drawings, SMALL, SETTINGS, tmp_path)
    again = build(tiny_method)
    repeated = train_method(again, drawings, drawings, SMALL, SETTINGS, tmp_path, resume=True)
    assert again.calls == 0
    assert repeated.val_loss == history.val_loss
    assert torch.equal(first.head.weight, again.head.weight)


def test_a_run_is_not_resumed_with_something_else(tiny_method, drawings, tmp_path):
    with pytest.raises(SettingError) as nothing:
        train_method(build(tiny_method), drawings, drawings, SMALL, SETTINGS, tmp_path, resume=True)
    assert str(nothing.value) == f"there is no run to resume in {tmp_path}: start it without --resume"
    train_method(build(tiny_method), drawings, drawings, SMALL, SETTINGS.model_copy(update={"epochs": 2}), tmp_path)
    with pytest.raises(SettingError) as epochs:
        train_method(build(tiny_method), drawings, drawings, SMALL, SETTINGS, tmp_path, resume=True)
    assert str(epochs.value) == (
        f"the run in {tmp_path} was started with epochs = 2, but now it is 3: "
        "resume it with the same value or start without --resume"
    )
    fewer = drawings.like(drawings[:-1])
    two = SETTINGS.model_copy(update={"epochs": 2})
    with pytest.raises(SettingError, match=r"was started with other training photos: resume it with the same or"):
        train_method(build(tiny_method), fewer, drawings, SMALL, two, tmp_path, resume=True)


def test_a_checkpoint_holds_nothing_that_runs_code(tiny_method, drawings, tmp_path):
    train_method(build(tiny_method), drawings, drawings, SMALL, SETTINGS, tmp_path)
    assert set(torch.load(tmp_path / "last.ckpt", weights_only=True)) >= {"state_dict", "run_state"}
    (tmp_path / "last.ckpt").write_bytes(b"PK broken")
    with pytest.raises(SettingError, match=r"last\.ckpt cannot be read: start the run again without --resume$"):
        train_method(build(tiny_method), drawings, drawings, SMALL, SETTINGS, tmp_path, resume=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "run.json"]
