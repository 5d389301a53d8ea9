"""Several processes under torchrun end with the weights of one process at the same global batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from fieldmark.backbones.factory import create_backbone
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.read import read
from fieldmark.methods.fine_tune import FineTune
from fieldmark.methods.pooled import PooledMethod
from fieldmark.training.gradient.loop import train_method

SCRIPT = """
import logging, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_processes import train
logging.basicConfig(level=logging.INFO)
train(Path(sys.argv[1]), Path(sys.argv[2]), batch_size=4)
"""


def train(birds: Path, out: Path, batch_size: int) -> dict[str, torch.Tensor]:
    """Two epochs on 24 photos, scored on 8; each process leaves its weights and losses in `out`."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    records = read(birds)
    method = PooledMethod(create_backbone("test_efficientnet", pretrained=False), 4)
    settings = FineTune.Settings(
        epochs=2, batch_size=batch_size, lr=1e-3, dropout=0, mixup=0, ema=0.5, frozen_batchnorm=True, freeze="stage1",
        precision="32", device="cpu",
    )  # fmt: skip
    history = train_method(
        method, records.like(records[::4]), records.like(records[1::12]), Preprocess(32), settings, out / "run"
    )
    found = method.state_dict() | {"losses": torch.tensor(history.train_loss + history.val_loss + history.val_top1)}
    torch.save(found, out / f"{os.environ.get('RANK', 'single')}.pt")
    return found


def test_two_processes_end_with_the_weights_of_one(birds: Path, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    alone = train(birds, tmp_path / "alone", batch_size=8)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    arguments = [str(birds), str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, expected in alone.items():
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
        torch.testing.assert_close(first[name], expected, rtol=1e-3, atol=2e-5)
    assert done.stderr.count("epoch 1 of 2") == 1
