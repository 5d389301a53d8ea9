"""``auto`` chooses by cross-validation, logs its steps, and respects the user's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark import Recognizer, fit
from fieldmark.training.frozen import train_auto
from fieldmark.training.frozen.choose_zoom import FINER, ZOOMS
from fieldmark.training.frozen.train_auto import CANDIDATES


@pytest.fixture(scope="module")
def recognizer(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    return fit(birds, tmp_path_factory.mktemp("auto") / "model", image_size=64)


def test_the_image_size_of_the_user_is_kept(recognizer: Recognizer) -> None:
    assert {member.preprocess.image_size for member in recognizer.manifest.members} == {64}


def test_the_descriptors_are_one_of_the_candidates(recognizer: Recognizer) -> None:
    for member in recognizer.manifest.members:
        assert tuple(member.options["poolings"]) in CANDIDATES


def test_members_share_the_answer_evenly(recognizer: Recognizer) -> None:
    weights = [member.weight for member in recognizer.manifest.members]
    assert sum(weights) == pytest.approx(1.0)
    assert len(set(weights)) == 1


def test_the_log_is_stored_and_printed(recognizer: Recognizer) -> None:
    assert recognizer.manifest.steps
    assert "by cross-validation" in recognizer.manifest.steps[0]
    assert all(step in recognizer.card for step in recognizer.manifest.steps)
    assert 0.25 < float(recognizer.manifest.figures["estimate"] or 0) <= 1.0


def test_the_same_seed_makes_the_same_choice(recognizer: Recognizer, birds: Path, tmp_path: Path) -> None:
    again = fit(birds, tmp_path / "model", image_size=64)
    assert [m.options for m in again.manifest.members] == [m.options for m in recognizer.manifest.members]
    photo = next(birds.rglob("*.jpg"))
    assert again.predict(photo).candidates == recognizer.predict(photo).candidates


def test_zoom_is_tried_and_noted(
    recognizer: Recognizer, half_of_birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_auto, "GOOD_ENOUGH", 2.0)
    tried = fit(half_of_birds, tmp_path / "tried", image_size=64, zoom="auto")
    _, chosen, outcome = tried.manifest.steps[:3]
    assert chosen.startswith("where to zoom, on a subset of the photos: the most active region 0.")
    assert "tf_efficientnet_lite0 at 64 px, zoomed" in outcome
    assert not any("zoomed" in step for step in recognizer.manifest.steps)
    assert recognizer.manifest.members[0].zoom is None


def test_zoom_can_be_demanded(half_of_birds: Path, birds: Path, tmp_path: Path) -> None:
    zooming = fit(half_of_birds, tmp_path / "model", image_size=64, zoom=True)
    (member,) = zooming.manifest.members
    assert member.zoom in (*ZOOMS, FINER)
    assert member.preprocess.resize == "squash"
    label = f"tf_efficientnet_lite0 at 64 px, zoomed, {'+'.join(member.options['poolings'])}"
    assert zooming.manifest.steps[1].startswith(f"{label}: ")
    assert len(zooming.predict(next(birds.rglob("*.jpg"))).box or ()) == 4
