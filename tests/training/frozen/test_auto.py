"""``auto`` chooses by cross-validation, logs its steps, and respects the user's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark import Recognizer, fit
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
