"""Grids on a photo: nothing is lost between them, and what is found lies where it was put."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.explain.geometry import Patch, common_frame, lay, smooth, strongest
from fieldmark.explain.overlay import _font, heat_on

edge = st.floats(0, 60)


@settings(max_examples=30, deadline=None)
@given(edge, edge, st.floats(5, 40), st.floats(5, 40), st.integers(1, 7), st.integers(1, 7))
def test_laying_keeps_the_sum(x: float, y: float, width: float, height: float, rows: int, columns: int) -> None:
    rng = np.random.default_rng(0)
    whole = Patch(rng.normal(size=(2, 4, 4)), (0.0, 0.0, 100.0, 100.0))
    part = Patch(rng.normal(size=(2, rows, columns)), (x, y, x + width, y + height))
    frame = common_frame([whole, part])
    total = whole.values.sum((1, 2)) + part.values.sum((1, 2))
    np.testing.assert_allclose(lay([whole, part], frame).sum((1, 2)), total, atol=1e-9)


def test_equal_grids_are_added_as_they_are() -> None:
    values = np.arange(12.0).reshape(1, 3, 4)
    patch = Patch(values, (0.0, 0.0, 40.0, 30.0))
    np.testing.assert_array_equal(lay([patch, patch], patch.box), 2 * values)


def test_a_part_lies_where_its_box_is() -> None:
    nothing = Patch(np.zeros((1, 4, 4)), (0.0, 0.0, 56.0, 56.0))
    part = Patch(np.ones((1, 1, 1)), (14.0, 28.0, 28.0, 56.0))
    laid = lay([nothing, part], nothing.box)[0]
    assert laid[28:56, 14:28].sum() == pytest.approx(1.0)
    assert np.count_nonzero(laid) == 28 * 14


def test_mirroring_and_moving() -> None:
    patch = Patch(np.array([[[1.0, 2.0]]]), (0.0, 0.0, 40.0, 20.0))
    mirrored = patch.mirrored(100)
    assert mirrored.box == (60.0, 0.0, 100.0, 20.0)
    np.testing.assert_array_equal(mirrored.values, [[[2.0, 1.0]]])
    assert patch.moved((100.0, 50.0, 300.0, 150.0), 100).box == (100.0, 50.0, 180.0, 70.0)


@pytest.mark.parametrize(("resize", "place"), [("crop", (1, 5)), ("squash", (1, 5)), ("pad", (2, 5))])
def test_the_strongest_evidence_comes_back_to_its_place_on_the_photo(resize: str, place: tuple[int, int]) -> None:
    """A place of the network's square, carried to a wide photo by the geometry of the preprocessing."""
    preprocess = Preprocess(image_size=224, resize=resize)  # type: ignore[arg-type]
    size = (400, 200)
    frame = preprocess.box_on_photo(*size)
    values = np.zeros((7, 7))
    values[place] = 1.0
    box, (x, y) = strongest(values, frame, size)
    step_x, step_y = (frame[2] - frame[0]) / 7, (frame[3] - frame[1]) / 7
    expected = (frame[0] + (place[1] + 0.5) * step_x, frame[1] + (place[0] + 0.5) * step_y)
    assert (x, y) == pytest.approx(expected, abs=step_x / 8)
    assert box[0] < x < box[2]
    assert box[1] < y < box[3]
    assert box[2] - box[0] < 1.5 * step_x
    heat = heat_on(values, frame, size, (200, 100))
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (column * 2, row * 2) == pytest.approx(expected, abs=4)


def test_evidence_shows_no_border_where_the_frame_ends_inside_the_photo() -> None:
    """The centre square of a wide photo: its left and right edges lie inside, its upper and lower ones do not."""
    heat = heat_on(np.ones((7, 7)), (100.0, 0.0, 300.0, 200.0), (400, 200), (400, 200))
    row = heat[100]
    assert np.abs(np.diff(row)).max() < 0.1  # without fading, 1 at the border
    np.testing.assert_allclose(row[120:280], 1, atol=1e-6)
    assert not row[:100].any()
    assert not row[300:].any()
    np.testing.assert_allclose(heat[[0, -1], 120:280], 1, atol=1e-6)


def test_the_border_of_a_view_shows_no_step() -> None:
    """A corner view on top of the whole square, laid on the fine grid, is a step of 1 before the blur."""
    values = lay(
        [Patch(np.ones((1, 7, 7)), (0.0, 0.0, 7.0, 7.0)), Patch(np.ones((1, 7, 7)), (0.0, 0.0, 6.0, 6.0))],
        (0.0, 0.0, 7.0, 7.0),
    )[0]
    drawn = heat_on(values, (0.0, 0.0, 448.0, 448.0), (448, 448), (448, 448))
    plain = smooth(values, (448, 448))
    assert np.abs(np.diff(drawn[200])).max() < 0.75 * np.abs(np.diff(plain[200])).max()


def test_padding_is_no_place_for_evidence() -> None:
    values = np.zeros((7, 7))
    values[0, 0], values[3, 3] = 2.0, 1.0  # above the photo, on the photo
    frame = Preprocess(image_size=224, resize="pad").box_on_photo(400, 200)
    _, peak = strongest(values, frame, (400, 200))
    assert peak == pytest.approx((200, 100), abs=5)


def test_evidence_against_all_over_still_has_a_box() -> None:
    box, _ = strongest(-np.ones((3, 3)) - np.eye(3), (0.0, 0.0, 30.0, 30.0), (30, 30))
    assert 0 <= box[0] < box[2] <= 30
    assert 0 <= box[1] < box[3] <= 30


def test_the_legend_draws_letters_of_several_alphabets_and_no_boxes() -> None:
    font = _font(20)
    drawn = [bytes(font.getmask(letter)) for letter in "éčЖΩ\ue000"]
    assert len(set(drawn)) == 5
