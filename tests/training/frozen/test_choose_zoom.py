"""Which zoom `auto` tries: finer tiles only where objects are small, and where the limit of the search has room."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fieldmark.data.photos.zoom import Zoom
from fieldmark.training.frozen.auto_search import AutoSearch, Candidate, FewPhotos
from fieldmark.training.frozen.choose_zoom import FINER, ZOOMS, choose_zoom

REGION, HIGHER, TILES = ZOOMS


class Search:
    """A search whose few photos were read before: how many of 100 are answered correctly with each zoom.

    They are the first ones, or the last ones for a number below 0.
    """

    def __init__(self, correct: dict[Zoom, int], share: float, most_views: int = 99) -> None:
        self.correct, self.share = correct, share
        self.limit = SimpleNamespace(has_room=lambda frozen, views: views <= most_views)
        self.read: list[Zoom] = []
        self.steps: list[str] = []

    def backbone(self, candidate: Candidate) -> Any:
        return None

    def views(self, candidate: Candidate) -> int:
        return 2 + candidate.zoom.looks if candidate.zoom else 1

    def read_few(self, frozen: Any, names: tuple[str, ...], zoom: Zoom) -> FewPhotos:
        self.read.append(zoom)
        count, photos = self.correct[zoom], np.arange(100)
        return FewPhotos(
            photos < count if count > 0 else photos >= 100 + count, 0.1, self.share if zoom.tiles else None
        )

    def note(self, line: str) -> None:
        self.steps.append(line)

    def choose(self) -> Zoom:
        return choose_zoom(cast(AutoSearch, self), Candidate("network", 224))


def test_large_objects_get_no_finer_tiles() -> None:
    """And nothing more is read than without them."""
    search = Search({REGION: 70, HIGHER: 60, TILES: 80, FINER: 99}, share=0.4)
    assert search.choose() == TILES
    assert search.read == list(ZOOMS)
    assert search.steps == [
        "where to zoom, on a subset of the photos: the most active region 0.700, … above 1 standard deviation 0.600, "
        "2 x 2 tiles 0.800, objects fill 40% of a photo; chosen: 2 x 2 tiles"
    ]


@pytest.mark.parametrize(("correct", "chosen"), [(90, FINER), (80, TILES), (50, TILES)])
def test_small_objects_get_finer_tiles_where_these_gain(correct: int, chosen: Zoom) -> None:
    search = Search({REGION: 30, HIGHER: 40, TILES: 80, FINER: correct}, share=0.05)
    assert search.choose() == chosen
    assert f"objects fill 5% of a photo, 3 x 3 tiles {(correct - 80) / 100:+.3f} ± " in search.steps[0]
    assert search.steps[0].endswith(f"; chosen: {chosen.tiles} x {chosen.tiles} tiles")


def test_a_locator_that_is_better_by_chance_gets_no_finer_tiles() -> None:
    search = Search({REGION: -78, HIGHER: 60, TILES: 80, FINER: 99}, share=0.05)
    assert search.choose() == TILES
    assert search.read == list(ZOOMS)


def test_no_tiles_are_read_that_the_limit_has_no_room_for() -> None:
    correct = {REGION: 30, HIGHER: 40, TILES: 80, FINER: 99}
    fewer = Search(correct, share=0.05, most_views=20)
    assert fewer.choose() == TILES
    assert "3 x 3 tiles not tried, which need more than a fit without --budget may spend" in fewer.steps[0]
    none = Search(correct, share=0.05, most_views=2)
    assert none.choose() == HIGHER
    assert none.read == [REGION, HIGHER]


def test_the_most_active_region_wins_where_it_is_as_good() -> None:
    search = Search({REGION: 80, HIGHER: 80, TILES: 80}, share=0.05)
    assert search.choose() == REGION
    assert "objects fill" not in search.steps[0]
