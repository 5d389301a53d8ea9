"""Out-of-fold logits: no photo, and no photo of its group, teaches the head that scores it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldmark.arrays import Ints
from fieldmark.backbones.feature_cache import FeatureCache, row_key
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.training.frozen.choose_head import HeadChoice, choose_head
from fieldmark.training.frozen.out_of_fold import out_of_fold_logits
from fieldmark.training.member import Trained
from fieldmark.training.train import train

CLASSES, EACH = 3, 30
LABELS = np.repeat(np.arange(CLASSES), EACH)
GROUPS = np.arange(len(LABELS)) // 3
POSITIONS = np.arange(len(LABELS))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> FeatureTable:
    """Descriptors ``noise``: they tell nothing about the class, but photos of one group are nearly the same."""
    rng = np.random.default_rng(0)
    of_group = rng.normal(size=(GROUPS.max() + 1, 40))
    views = [(of_group[GROUPS] + 0.05 * rng.normal(size=(len(LABELS), 40))).astype(np.float32) for _ in range(2)]
    cache = FeatureCache(tmp_path_factory.mktemp("table"), 40)
    for view, values in enumerate(views):
        cache.append([row_key(f"{number}", mirror=bool(view)) for number in range(len(LABELS))], values)
    rows = np.stack([np.arange(len(LABELS)), len(LABELS) + np.arange(len(LABELS))], 1)
    return FeatureTable(cache, rows, {"noise": slice(0, 40)}, {})


@pytest.fixture(scope="module")
def choose(table: FeatureTable) -> Callable[[Ints], HeadChoice]:
    def choice(groups: Ints) -> HeadChoice:
        return choose_head(table, POSITIONS, LABELS, groups, [("noise",)], CLASSES, folds=5)

    return choice


def test_a_group_never_teaches_the_head_that_scores_it(
    table: FeatureTable, choose: Callable[[Ints], HeadChoice]
) -> None:
    """Bursts of one moment are recognized with ease if folds part them, and at chance if they do not."""
    accuracies = []
    for groups in (GROUPS, POSITIONS):
        choice = choose(groups)
        logits, known = out_of_fold_logits(table, POSITIONS, LABELS, choice, CLASSES, views=(0, 1))
        assert known.all()
        accuracies.append((logits.argmax(1) == LABELS).mean())
    together, parted = accuracies
    assert together < 0.55
    assert parted > 0.9


def test_the_label_of_a_photo_does_not_change_its_own_logits(
    table: FeatureTable, choose: Callable[[Ints], HeadChoice]
) -> None:
    choice = choose(GROUPS)
    wrong = LABELS.copy()
    wrong[:3] = 2  # a whole group
    honest, misled = (out_of_fold_logits(table, POSITIONS, each, choice, CLASSES)[0] for each in (LABELS, wrong))
    fold = choice.fold_of == choice.fold_of[0]
    np.testing.assert_array_equal(honest[fold], misled[fold])
    assert not np.array_equal(honest[~fold], misled[~fold])


def test_a_class_of_one_group_is_not_known_to_the_heads_that_score_it(table: FeatureTable) -> None:
    groups = np.where(LABELS == 2, 1000, POSITIONS)
    choice = choose_head(table, POSITIONS, LABELS, groups, [("noise",)], CLASSES, folds=5)
    _, known = out_of_fold_logits(table, POSITIONS, LABELS, choice, CLASSES)
    np.testing.assert_array_equal(known, LABELS != 2)


SETTINGS = LinearProbe.Settings(image_size=64)


@pytest.fixture(scope="module")
def carved(birds: Path) -> PhotoTable:
    return prepare(read(birds), val_fraction=0.2).photos


@pytest.fixture(scope="module")
def named(birds: Path, carved: PhotoTable) -> PhotoTable:
    """The same photos in the same splits, named by the data."""
    return prepare(carved.records, val_fraction=0.2).photos


def _misled(photos: PhotoTable) -> PhotoTable:
    """The same photos, with wrong labels in val."""
    records = photos.records.like(
        replace(record, label=(record.label + 1) % 4) if record.split == "val" else record for record in photos.records
    )
    return replace(photos, records=records)


def _weight(trained: Trained) -> np.ndarray:
    return trained.members[0].graph.method.linear_head.weight.detach().numpy()


def test_the_head_learns_from_a_carved_val(carved: PhotoTable, tmp_path: Path) -> None:
    trained = train(carved, SETTINGS, tmp_path / "run")
    (member,) = trained.members
    assert carved.val_carved
    assert trained.learned_val
    assert member.out_of_fold is not None
    assert len(member.out_of_fold.logits) == len(carved.positions("train", "val", "calibration"))
    assert not np.array_equal(_weight(trained), _weight(train(_misled(carved), SETTINGS, tmp_path / "run")))


def test_a_named_val_is_never_learned_from(named: PhotoTable, carved: PhotoTable, tmp_path: Path) -> None:
    assert [record.split for record in named.records] == [record.split for record in carved.records]
    assert not named.val_carved
    trained = train(named, SETTINGS, tmp_path / "run")
    (member,) = trained.members
    assert not trained.learned_val
    assert member.out_of_fold is not None
    assert len(member.out_of_fold.logits) == len(named.positions("train"))
    np.testing.assert_array_equal(_weight(trained), _weight(train(_misled(named), SETTINGS, tmp_path / "run")))


def test_val_logits_of_a_learned_val_are_out_of_fold(carved: PhotoTable, tmp_path: Path) -> None:
    (member,) = train(carved, SETTINGS, tmp_path / "run").members
    assert member.out_of_fold is not None
    np.testing.assert_array_equal(member.val_logits, member.out_of_fold.logits[len(carved.positions("train")) :])


def test_a_repeated_fit_reads_the_same_logits_from_the_cache(carved: PhotoTable, tmp_path: Path) -> None:
    one, other = (train(carved, SETTINGS, tmp_path / "run").members[0] for _ in range(2))
    assert one.out_of_fold is not None
    assert other.out_of_fold is not None
    np.testing.assert_array_equal(one.out_of_fold.logits, other.out_of_fold.logits)


def test_without_cached_corners_val_is_held_out(carved: PhotoTable, tmp_path: Path) -> None:
    trained = train(carved, LinearProbe.Settings(image_size=64, test_views=5), tmp_path / "run")
    assert not trained.learned_val
    assert trained.members[0].out_of_fold is None


def test_photos_of_a_single_group_have_no_out_of_fold_logits(
    table: FeatureTable, choose: Callable[[Ints], HeadChoice]
) -> None:
    """Such as near-duplicates of one picture under several labels."""
    choice = choose(np.zeros(len(LABELS), np.int64))
    logits, known = out_of_fold_logits(table, POSITIONS, LABELS, choice, CLASSES)
    assert not known.any()
    assert not logits.any()
