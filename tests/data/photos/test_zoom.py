"""Where the object lies: laws of the box, and the region that a zoomed view shows."""

from __future__ import annotations

from collections import deque
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from fieldmark.data.photos.open_photo import full_size, open_photo
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.zoom import (
    Zoom,
    crop_to,
    find_object,
    give_box,
    given_box,
    object_box,
    object_mask,
    on_full_photo,
    zoom_region,
)
from fieldmark.errors import PhotoError

SIZES = st.tuples(st.integers(20, 400), st.integers(20, 400))


def blob(size: int, row: int, column: int, height: int = 2, width: int = 3) -> NDArray[np.float32]:
    """A map that is 0 but for a rectangle."""
    values = np.zeros((size, size), dtype=np.float32)
    values[row : row + height, column : column + width] = 1.0
    return values


def largest_region_by_hand(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Flood fill over the eight neighbours."""
    left, best = mask.copy(), np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        if not left[row, column]:
            continue
        piece, queue = np.zeros_like(mask), deque([(row, column)])
        left[row, column] = False
        while queue:
            y, x = queue.popleft()
            piece[y, x] = True
            around = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            for near in around:
                inside = 0 <= near[0] < mask.shape[0] and 0 <= near[1] < mask.shape[1]
                if inside and left[near]:
                    left[near] = False
                    queue.append(near)
        best = piece if piece.sum() > best.sum() else best
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_mask_is_that_of_selective_descriptors(seed: int) -> None:
    """On a map so fine that nothing is interpolated, it is the largest region above the mean."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(8, 8)).repeat(8, 0).repeat(8, 1).astype(np.float32)
    np.testing.assert_array_equal(object_mask(values, Zoom()), largest_region_by_hand(values > values.mean()))


def test_a_flat_map_shows_the_object_everywhere() -> None:
    assert object_box(np.ones((7, 7)), Zoom()) == (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize("seed", range(4))
def test_flips_and_turns_move_the_box(seed: int) -> None:
    values = np.random.default_rng(seed).random((10, 10)) ** 4
    x1, y1, x2, y2 = object_box(values, Zoom())
    assert object_box(values[:, ::-1], Zoom()) == pytest.approx((1 - x2, y1, 1 - x1, y2))
    assert object_box(values[::-1], Zoom()) == pytest.approx((x1, 1 - y2, x2, 1 - y1))
    assert object_box(values.T, Zoom()) == pytest.approx((y1, x1, y2, x2))


def test_a_translation_moves_the_box() -> None:
    first, second = object_box(blob(16, 4, 5), Zoom()), object_box(blob(16, 7, 9), Zoom())
    assert second == pytest.approx((first[0] + 4 / 16, first[1] + 3 / 16, first[2] + 4 / 16, first[3] + 3 / 16))


def test_a_mirror_image_that_agrees_changes_nothing() -> None:
    values, preprocess = blob(8, 2, 1), Preprocess(64, "squash")
    both = np.stack([values, values[:, ::-1]]).reshape(2, -1)
    alone = find_object(both[:1], preprocess, (80, 40), Zoom())
    assert find_object(both, preprocess, (80, 40), Zoom()) == alone


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_the_box_lies_where_the_photo_is_bright(resize: str) -> None:
    """The map is the photo itself, as each kind of preprocessing shows it."""
    photo = Image.new("L", (300, 200), 0)
    photo.paste(255, (130, 60, 190, 120))
    preprocess = Preprocess(64, resize)  # type: ignore[arg-type]
    values = preprocess(photo.convert("RGB"))[:, :, 0].astype(np.float32)
    values[values == 128] = 0  # the ground beside a padded photo
    found = find_object(values.reshape(1, -1) / 255, preprocess, photo.size, Zoom())
    assert found == pytest.approx((130, 60, 190, 120), abs=6)


def test_maps_that_are_not_square_are_refused() -> None:
    with pytest.raises(ValueError, match="a map of 50 places is not square"):
        find_object(np.ones((1, 50), np.float32), Preprocess(64), (10, 10), Zoom())


@given(SIZES, st.tuples(*[st.floats(0, 1)] * 4), st.floats(0, 0.5))
def test_a_region_lies_in_the_photo_around_the_box(
    size: tuple[int, int], edges: tuple[float, float, float, float], margin: float
) -> None:
    (x1, x2), (y1, y2) = sorted(edges[:2]), sorted(edges[2:])
    box = (x1 * size[0], y1 * size[1], x2 * size[0], y2 * size[1])
    left, top, right, bottom = zoom_region(box, size, Zoom(margin=margin))
    assert left >= 0
    assert top >= 0
    assert right <= size[0] + 1e-6
    assert bottom <= size[1] + 1e-6
    assert left <= box[0] + 1e-6
    assert top <= box[1] + 1e-6
    assert right >= box[2] - 1e-6
    assert bottom >= box[3] - 1e-6
    if max(right - left, bottom - top) < min(size):
        assert right - left == pytest.approx(bottom - top)


@given(st.tuples(st.integers(100, 200), st.integers(100, 200)), st.integers(5, 40), st.integers(5, 40))
def test_a_mirrored_box_has_a_mirrored_region(size: tuple[int, int], left: int, width: int) -> None:
    box = (float(left), 30.0, float(left + width), 60.0)
    mirrored = (size[0] - box[2], box[1], size[0] - box[0], box[3])
    x1, y1, x2, y2 = zoom_region(box, size, Zoom())
    assert zoom_region(mirrored, size, Zoom()) == pytest.approx((size[0] - x2, y1, size[0] - x1, y2))


def jpeg(width: int, height: int, orientation: int) -> bytes:
    stream, exif = BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height), "olive").save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def test_a_scaled_photo_knows_its_full_size() -> None:
    photo = open_photo(jpeg(1200, 800, 6), draft=(150, 150), trim_bottom=20)
    assert photo.width < 800
    assert full_size(photo) == (800, 1180)
    assert on_full_photo((0, 0, *photo.size), photo) == pytest.approx((0, 0, 800, 1180))
    assert full_size(open_photo(jpeg(1200, 800, 1))) == (1200, 800)


def test_a_given_box_is_kept_in_pixels_of_the_image() -> None:
    photo = open_photo(jpeg(1200, 800, 1), draft=(150, 150))
    assert given_box(photo) is None
    give_box(photo, (-50, 100, 600, 400))
    box = given_box(photo)
    assert box is not None
    assert on_full_photo(box, photo) == pytest.approx((0, 100, 600, 400))
    assert crop_to(photo, None) is photo
    assert max(crop_to(photo, box).size) < max(photo.size)


def test_a_box_outside_of_the_photo() -> None:
    with pytest.raises(PhotoError) as raised:
        give_box(Image.new("RGB", (60, 40)), (60, 0, 90, 40))
    assert str(raised.value) == (
        "the box 60,0,90,40 has no part inside the photo of 60 x 40 pixels: give x1,y1,x2,y2 inside it"
    )
