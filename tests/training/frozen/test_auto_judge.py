"""Where a named val shows that new photos look different, val judges the steps of ``auto``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.auto import Auto
from fieldmark.training.frozen.auto_search import AutoSearch, Candidate
from fieldmark.training.frozen.backbone_ensemble import BackboneEnsemble, hits_on_val
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import run_pass
from fieldmark.training.frozen.search_limit import WorkLimit

SETTINGS = Auto.Settings(image_size=64)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of coloured tiles, 30 pictures each, that no head can confuse."""
    root, draw = tmp_path_factory.mktemp("tiles"), np.random.default_rng(0)
    for channel, name in enumerate(("blue", "green", "red")):
        (root / name).mkdir()
        for number in range(30):
            tile = draw.integers(0, 60, (8, 8, 3), dtype=np.uint8)
            tile[..., 2 - channel] += 150
            Image.fromarray(tile).resize((64, 64), Image.Resampling.BILINEAR).save(root / name / f"{number}.png")
    return root


def _with_val(photos: Path, shift: int) -> PhotoTable:
    """The photos with every third photo in a val that the data name; its labels are `shift` classes off."""
    records = read(photos)
    count = len(records.classes)
    named = [
        replace(record, split="val", label=(record.label + shift) % count)
        if number % 3 == 0
        else replace(record, split="train")
        for number, record in enumerate(records)
    ]
    return prepare(records.like(named)).photos.for_training()


def _search(photos: PhotoTable) -> tuple[AutoSearch, BackboneEnsemble]:
    search = AutoSearch(photos, SETTINGS, WorkLimit(), [("avg",)])
    frozen = FrozenBackbone(photos, SETTINGS, None, 64, ["avg"])
    ensemble = BackboneEnsemble.of((run_pass(frozen, [("avg",)]),), photos.labels)
    search.choose_judge(ensemble)
    return search, ensemble


@pytest.fixture(scope="module")
def alike(tiles: Path) -> tuple[AutoSearch, BackboneEnsemble]:
    return _search(_with_val(tiles, 0))


@pytest.fixture(scope="module")
def elsewhere(tiles: Path) -> tuple[AutoSearch, BackboneEnsemble]:
    return _search(_with_val(tiles, 1))


def test_a_val_like_train_leaves_cross_validation_the_judge(alike: tuple[AutoSearch, BackboneEnsemble]) -> None:
    search, ensemble = alike
    assert not search.val_judges
    assert search.steps == []
    assert search.accuracy(ensemble) == ensemble.accuracy


def test_a_val_from_elsewhere_judges_and_says_so(elsewhere: tuple[AutoSearch, BackboneEnsemble]) -> None:
    search, ensemble = elsewhere
    count = len(search.photos.positions("val"))
    on_val = hits_on_val(search.photos, ensemble.members).mean()
    assert search.val_judges
    assert search.accuracy(ensemble) == on_val < ensemble.accuracy
    assert search.steps == [
        f"val says {on_val:.3f}, so that its {count} photos judge from here on: they come from elsewhere"
    ]


def test_a_pass_answers_the_photos_that_its_head_did_not_learn_from(
    elsewhere: tuple[AutoSearch, BackboneEnsemble],
) -> None:
    search, ensemble = elsewhere
    rows, answers = ensemble.passes[0].answers_of_others()
    assert rows.tolist() == search.photos.positions("val", "calibration").tolist()
    np.testing.assert_array_equal(answers, ensemble.members[0].val_logits.argmax(1))


def test_a_pilot_is_judged_by_the_same_photos(elsewhere: tuple[AutoSearch, BackboneEnsemble]) -> None:
    """A change that only val sees: the head of another data set, in which val has the labels of train."""
    search, ensemble = elsewhere
    last, candidate = ensemble.passes[0], Candidate("tf_efficientnet_lite0", 64)
    same = search.pilot(last, last.backbone, candidate)
    assert (same.gain, same.error, same.pays) == (0.0, 0.0, False)
    learned = FrozenBackbone(search.photos, SETTINGS, None, 64, ["avg"])
    flipped = np.where(np.isin(np.arange(len(search.photos)), learned.learned), 1, 0)
    shifted = PhotoTable(
        search.photos.records.like(
            replace(record, label=(record.label + int(move)) % len(search.photos.classes))
            for record, move in zip(search.photos.records, flipped, strict=True)
        ),
        *(getattr(search.photos, name) for name in ("groups", "content_keys", "roles", "val_carved")),
    )
    learned.photos = shifted  # now train has the labels of val
    better = search.pilot(last, learned, candidate)
    assert better.gain > 0.2
    assert better.pays
