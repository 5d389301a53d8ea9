"""Without a budget the clock decides nothing; with one, what does not fit is said."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from fieldmark import fit
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.auto import Auto
from fieldmark.training.frozen import search_limit, train_auto
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.search_limit import TimeLimit, WorkLimit


@pytest.fixture(scope="module")
def frozen(birds: Path) -> FrozenBackbone:
    photos = prepare(read(birds)).photos.for_training()
    return FrozenBackbone(photos, Auto.Settings(image_size=64), None, 64, ["avg"])


def test_multiply_adds_are_those_of_the_convolutions(frozen: FrozenBackbone) -> None:
    # EfficientNet-Lite0 has 0.385 billion at 224 px without its classifier (Tan and Le 2019; its repository: 407M with
    # the classifier and the activations); they grow with the number of places.
    at_224 = frozen.multiply_adds * (224 / 64) ** 2
    assert at_224 == pytest.approx(0.385e9, rel=0.03)


def test_work_is_spent_pass_by_pass(frozen: FrozenBackbone) -> None:
    once = frozen.multiply_adds * 2 * len(frozen.photos)
    limit = WorkLimit(2.5 * once)
    limit.begin(frozen, 2)
    assert limit.refusal(frozen, 2, seconds_per_view=1e9) is None
    assert limit.refusal(frozen, 1, seconds_per_view=0.0) is None
    assert limit.refusal(frozen, 1, seconds_per_view=0.0) == (
        f"{once / 2e12:.1f} trillion multiply-adds more, and 0.0 of the {2.5 * once / 1e12:.0f} trillion of a fit "
        "without --budget are left; allow more with --budget 10m"
    )


def test_a_fit_without_a_budget_does_not_depend_on_the_clock(
    birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(0, 10_000)
    slow_clock = SimpleNamespace(monotonic=lambda: float(next(ticks)))
    monkeypatch.setattr(train_auto, "CANDIDATES", (("avg",), ("gem",)))
    monkeypatch.setattr(train_auto, "GOOD_ENOUGH", 2.0)
    quick = fit(birds, tmp_path / "quick", backbone="test_efficientnet", weights=_weights(tmp_path))
    monkeypatch.setattr(search_limit, "time", slow_clock)
    monkeypatch.setattr(train_auto, "time", slow_clock)
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path / "another cache"))
    slow = fit(birds, tmp_path / "slow", backbone="test_efficientnet", weights=_weights(tmp_path))
    assert [member.options for member in quick.manifest.members] == [m.options for m in slow.manifest.members]
    photo = next(birds.rglob("*.jpg"))
    assert quick.predict(photo).candidates == slow.predict(photo).candidates


def test_a_budget_that_cannot_be_met_is_said_at_once(
    frozen: FrozenBackbone, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path))
    caplog.set_level(logging.INFO, "fieldmark")
    TimeLimit(1e6, seed=1).begin(frozen, 1)
    assert caplog.messages == []
    limit = TimeLimit(1e-9, seed=2)
    limit.begin(frozen, 1)
    assert caplog.messages[0].startswith("  the budget of 0 s cannot be met: reading the photos once with the cheapest")
    said = limit.refusal(frozen, 2, seconds_per_view=3.0)
    assert said == f"{6 * len(frozen.photos)} s more, and 0 s of the budget are left"


def _weights(folder: Path) -> Path:
    import timm
    import torch

    file = folder / "random.pth"
    if not file.exists():
        torch.manual_seed(0)
        torch.save(timm.create_model("test_efficientnet", pretrained=False).state_dict(), file)
    return file
