"""The same training on a GPU: the same crops, and a result close to that of the CPU."""

from __future__ import annotations

import pytest
import torch

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient.hardware import start_fabric
from fieldmark.training.gradient.loop import train_method
from fieldmark.training.gradient.photo_batches import TrainingPhotos, ValPhotos

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]

SMALL = Preprocess(image_size=32)
SETTINGS = FineTune.Settings(
    epochs=3, batch_size=4, lr=3e-3, dropout=0, mixup=0.2, freeze=None, ema=0.8, precision="32", device="cuda"
)


def test_a_gpu_gives_the_crops_of_the_cpu(drawings):
    on_cpu, on_gpu = (
        TrainingPhotos(drawings, SMALL, SETTINGS, start_fabric(torch.device(name), half=False))
        for name in ("cpu", "cuda:0")
    )
    assert on_gpu.on_device is not None
    for a, b in zip(on_cpu.batches(0, 1), on_gpu.batches(0, 1), strict=True):
        assert b.images.is_cuda
        assert a.labels.tolist() == b.labels.tolist()
        assert (a.images.int() - b.images.cpu().int()).abs().max() <= 2
    [batch] = ValPhotos(drawings, SMALL, 8, on_gpu.fabric)
    assert batch.images.is_cuda


def test_threads_cut_ahead_where_the_photos_do_not_fit(drawings, monkeypatch):
    monkeypatch.setattr("fieldmark.training.gradient.photo_batches.room_for_photos", lambda device: 0)
    fabric = start_fabric(torch.device("cuda:0"), half=False)
    photos = TrainingPhotos(drawings, SMALL, SETTINGS, fabric)
    assert photos.on_device is None
    assert all(batch.images.is_cuda for batch in photos.batches(0, 0))


def test_training_on_a_gpu_begins_as_on_the_cpu(tiny_method, drawings, tmp_path):
    losses = {}
    for device in ("cpu", "cuda"):
        method = tiny_method()
        settings = SETTINGS.model_copy(update={"device": device})
        history = train_method(method, drawings, drawings, SMALL, settings, tmp_path / device, probe_start=0.4)
        assert next(method.parameters()).device.type == "cpu"
        losses[device] = history.train_loss
    # Dropout draws other numbers on a GPU, so that later epochs of this tiny network drift apart.
    assert losses["cuda"][:2] == pytest.approx(losses["cpu"][:2], rel=0.05)
    assert losses["cuda"][-1] < losses["cuda"][0]


def test_a_run_is_resumed_on_a_gpu_where_it_stopped(tiny_method, drawings, tmp_path):
    bf16 = SETTINGS.model_copy(update={"precision": "auto"})
    history = train_method(tiny_method(), drawings, drawings, SMALL, bf16, tmp_path)
    again = train_method(tiny_method(), drawings, drawings, SMALL, bf16, tmp_path, resume=True)
    assert again.train_loss == history.train_loss
