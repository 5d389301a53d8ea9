"""What `auto` keeps after it read all photos: the more accurate one, and a first zoom only if chance is unlikely."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fieldmark.data.photos.zoom import Zoom
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.auto import Auto
from fieldmark.training.frozen.auto_search import AutoSearch, Candidate
from fieldmark.training.frozen.backbone_ensemble import BackboneEnsemble
from fieldmark.training.frozen.choose_head import HeadChoice
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import FrozenPass
from fieldmark.training.frozen.search_limit import WorkLimit
from fieldmark.training.frozen.try_candidate import keep_better

Wrong = set[int]


@pytest.fixture
def search(birds: Path) -> AutoSearch:
    return AutoSearch(prepare(read(birds)).photos.for_training(), Auto.Settings(), WorkLimit(), [("avg",)])


def a_pass(search: AutoSearch, wrong: Wrong, zoom: Zoom | None = None) -> FrozenPass:
    """A pass that is sure of the true class of each photo, or of another one."""
    labels = search.photos.labels
    told = np.array([(label + (row in wrong)) % 4 for row, label in enumerate(labels)])
    logits = (9.0 * np.eye(4)[told]).astype(np.float32)
    accuracy = float((told == labels).mean())
    choice = HeadChoice(("avg",), 1.0, np.arange(len(labels)), logits, accuracy, np.zeros(len(labels)), ())
    backbone = cast(FrozenBackbone, SimpleNamespace(label="network", learns_val=True, metric="top1"))
    return FrozenPass(backbone, cast(Any, None), np.arange(len(labels)), choice, "", 0.0, zoom)


def kept(search: AutoSearch, before: Wrong, after: Wrong, zoom: Zoom | None) -> BackboneEnsemble | None:
    ensemble = BackboneEnsemble.of((a_pass(search, before),), search.photos.labels)
    return keep_better(search, ensemble, a_pass(search, after, zoom), Candidate("network", 224, zoom), 0.0)


def test_a_first_zoom_must_gain_two_standard_errors(search: AutoSearch) -> None:
    """Nine photos lost and thirteen won: 4 / sqrt(22) = 0.85 standard errors; one and thirteen: 12 / sqrt(14) = 3.2."""
    before = set(range(13))
    assert kept(search, before, set(range(20, 29)), Zoom()) is None
    better = kept(search, before, {20}, Zoom())
    assert better is not None
    assert better.zoom == Zoom()
    assert search.steps[-1] == ("with zoom, answers take 2 times the time; --set zoom=false leaves it out")


def test_a_larger_backbone_must_be_better(search: AutoSearch) -> None:
    before = set(range(13))
    better = kept(search, before, set(range(20, 29)), None)
    assert better is not None
    assert len(better.passes) == 1
    assert kept(search, before, before | {30}, None) is None
    assert not any("twice" in step for step in search.steps)


def test_a_candidate_is_tried_with_the_zoom_that_paid(search: AutoSearch) -> None:
    zoom = Zoom(threshold=1.0)
    better = kept(search, set(range(13)), set(), zoom)
    assert better is not None
    assert better.zoom == zoom
    assert search.views(Candidate("network", 224, zoom)) == 2 * search.views(Candidate("network", 224))
