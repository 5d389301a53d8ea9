"""A linear probe learns, chooses only inside train, and its parts agree with each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fieldmark.backbones.onnx_export import Normalize
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.preprocess import load_array
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.training.member import Trained
from fieldmark.training.train import train

SETTINGS = LinearProbe.Settings(image_size=64, poolings=("gem", "cov"))


@pytest.fixture(scope="module")
def photos(birds: Path) -> PhotoTable:
    return prepare(read(birds), 0, val_fraction=0.2, test_fraction=0.2).photos


@pytest.fixture(scope="module")
def trained(photos: PhotoTable, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(photos, SETTINGS, tmp_path_factory.mktemp("run"))


def test_it_learns(trained: Trained, photos: PhotoTable) -> None:
    (member,) = trained.members
    records = photos.records.of_split("train")
    logits = member.graph.mean_logits(records, member.spec.views)
    assert (logits.argmax(1) == records.labels).mean() > 0.9


def test_the_log_contains_the_cross_validated_accuracy(trained: Trained) -> None:
    assert trained.estimate is not None
    assert trained.steps[0].endswith(f"gem+cov: {trained.estimate:.3f} by cross-validation")


def test_val_logits_from_the_cache_are_those_of_the_shipped_graph(photos: PhotoTable, tmp_path: Path) -> None:
    """Temperatures are fitted on the logits from the cache and used with the graph."""
    (member,) = train(replace(photos, val_carved=False), SETTINGS, tmp_path / "run").members
    shipped = member.graph.mean_logits(photos.records.of_split("val"), member.spec.views)
    np.testing.assert_allclose(member.val_logits, shipped, atol=0.02 * np.abs(shipped).max())


def test_the_logits_are_linear_in_the_embedding(trained: Trained, photos: PhotoTable) -> None:
    """Logits are linear in the embedding, and each descriptor has a mean squared norm near 1 over train."""
    (member,) = trained.members
    records = photos.records.of_split("train")
    images = np.stack([load_array(record, member.spec.preprocess) for record in records])
    with torch.no_grad():
        output = member.graph.method(Normalize(member.spec.preprocess)(torch.from_numpy(images)))
        torch.testing.assert_close(member.graph.method.head(output.embedding), output.logits)
    split = 1280
    for part in (output.embedding[:, :split], output.embedding[:, split:]):
        assert part.square().sum(1).mean() == pytest.approx(1.0, rel=0.05)


def test_the_test_split_is_not_opened(photos: PhotoTable, tmp_path: Path) -> None:
    """Files of test records need not exist: they are not opened."""
    hidden = photos.records.like(
        replace(record, path=tmp_path / "nowhere.jpg") if record.split == "test" else record
        for record in photos.records
    )
    trained = train(replace(photos, records=hidden), LinearProbe.Settings(image_size=64), tmp_path / "run")
    assert trained.members[0].val_logits.shape == (len(photos.of_split("val")), len(photos.classes))


def test_without_val_photos(photos: PhotoTable, tmp_path: Path) -> None:
    trained = train(photos.of_role("train"), LinearProbe.Settings(image_size=64), tmp_path / "run")
    assert trained.members[0].val_logits.shape == (0, 4)
