"""Laws of the changes that stress a recognizer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fieldmark.evaluation.backgrounds import BACKGROUNDS, BackgroundChange, largest_strip, replace_background
from fieldmark.evaluation.distortions import DISTORTIONS, Distortion

BY_NAME = {change.name: change for change in DISTORTIONS}
every_distortion = pytest.mark.parametrize("change", DISTORTIONS, ids=list(BY_NAME))
every_background = pytest.mark.parametrize("change", BACKGROUNDS, ids=[change.name for change in BACKGROUNDS])


@pytest.fixture
def photo() -> Image.Image:
    """Smooth, coloured, wider than high, alike in no direction."""
    x, y = np.meshgrid(np.linspace(0, 1, 120), np.linspace(0, 1, 80))
    waves = np.stack([np.sin(9 * x * y), np.cos(7 * x), np.sin(5 * y + x)], 2)
    return Image.fromarray(np.round(110 + 90 * waves).astype(np.uint8))


def pixels(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image, dtype=np.float64)


def changed(name: str, image: Image.Image, strength: float, seed: int = 0) -> NDArray[np.float64]:
    return pixels(BY_NAME[name].apply(image, strength, np.random.default_rng(seed)))


@every_distortion
def test_strength_zero_changes_no_pixel(change: Distortion, photo: Image.Image) -> None:
    np.testing.assert_array_equal(pixels(change.apply(photo, 0.0, np.random.default_rng(0))), pixels(photo))


@every_distortion
def test_the_seed_decides_and_the_photo_stays_as_it_was(change: Distortion, photo: Image.Image) -> None:
    before = pixels(photo)
    first, second = (change.apply(photo, change.strengths[-1], np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(pixels(first), pixels(second))
    np.testing.assert_array_equal(pixels(photo), before)
    assert first.size == photo.size
    assert first.mode == "RGB"


@every_distortion
def test_more_strength_takes_a_photo_further_away(change: Distortion, photo: Image.Image) -> None:
    distances = [
        np.abs(pixels(change.apply(photo, strength, np.random.default_rng(0))) - pixels(photo)).mean()
        for strength in (0.0, *change.strengths)
    ]
    assert distances == sorted(distances)
    assert distances[-1] > 0


def test_a_shift_moves_by_its_length(photo: Image.Image) -> None:
    """The direction is the generator's first angle."""
    angle = np.random.default_rng(0).uniform(0.0, 2 * np.pi)
    dx, dy = 8 * np.cos(angle), 8 * np.sin(angle)
    moved = changed("translate", photo, 0.1)  # a tenth of 80 pixels
    rows, columns = np.meshgrid(np.arange(20, 60), np.arange(20, 100), indexing="ij")
    expected = np.stack([_at(pixels(photo)[:, :, channel], rows - dy, columns - dx) for channel in range(3)], axis=2)
    np.testing.assert_allclose(moved[20:60, 20:100], expected, atol=3)


def _at(values: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import map_coordinates

    return np.asarray(map_coordinates(values, [rows, columns], order=1))


def test_a_quarter_turn_there_and_back(photo: Image.Image) -> None:
    square = photo.crop((0, 0, 80, 80))
    turned = changed("rotate", square, 90.0)
    quarters = [np.rot90(pixels(square), times) for times in (1, 3)]
    assert min(np.abs(turned - quarter).max() for quarter in quarters) <= 1


@pytest.mark.parametrize(("name", "share"), [("shrink", 0.5), ("enlarge", 0.5)])
def test_scales_keep_the_centre(name: str, share: float, photo: Image.Image) -> None:
    scaled = changed(name, photo, share)
    np.testing.assert_allclose(scaled[39:41, 59:61].mean((0, 1)), pixels(photo)[39:41, 59:61].mean((0, 1)), atol=4)
    if name == "enlarge":
        np.testing.assert_allclose(scaled[0, 0], pixels(photo)[19:21, 29:31].mean((0, 1)), atol=4)
    else:
        np.testing.assert_allclose(scaled[20, 30], pixels(photo)[0, 0], atol=6)


def test_what_a_change_uncovers_is_the_mirrored_photo() -> None:
    """A photo of one colour stays one: no border comes into it."""
    plain = Image.new("RGB", (90, 60), (10, 200, 60))
    for name in ("translate", "rotate", "shrink", "enlarge", "blur"):
        for strength in BY_NAME[name].strengths:
            np.testing.assert_array_equal(changed(name, plain, strength), pixels(plain))


def test_light(photo: Image.Image) -> None:
    np.testing.assert_allclose(changed("darken", photo, 0.5), pixels(photo) * 0.5, atol=1)
    np.testing.assert_allclose(changed("brighten", photo, 1.0), np.minimum(255, pixels(photo) * 2), atol=1)
    assert np.ptp(changed("contrast", photo, 1.0)) == 0
    assert changed("contrast", photo, 0.5).std() == pytest.approx(pixels(photo).std() / 2, rel=0.2)


@pytest.mark.parametrize("seed", range(4))
def test_the_cover_is_as_large_as_it_says_and_inside_the_centred_square(seed: int) -> None:
    white = Image.new("RGB", (120, 80), "white")
    covered = changed("occlude", white, 0.25, seed) == 128
    assert covered.all(axis=2).sum() == pytest.approx(0.25 * 80 * 80)
    assert not covered[:, :20].any()
    assert not covered[:, 100:].any()


@every_background
def test_a_background_of_strength_zero_changes_no_pixel(change: BackgroundChange, photo: Image.Image) -> None:
    other = photo.transpose(Image.Transpose.ROTATE_180)
    np.testing.assert_array_equal(pixels(change.background(photo, 0.0, other)), pixels(photo))


@every_background
def test_the_object_stays_as_it_was(change: BackgroundChange, photo: Image.Image) -> None:
    other = Image.new("RGB", (50, 70), "red")
    placed = pixels(replace_background(photo, (30.2, 10.4, 70, 60), change.background(photo, 1.0, other)))
    same = (placed == pixels(photo)).all(axis=2)
    assert same[10:60, 30:70].all()
    assert not same[:5].all()


def test_a_swapped_background_is_the_other_one(photo: Image.Image) -> None:
    swap = next(change for change in BACKGROUNDS if change.borrows)
    placed = pixels(
        replace_background(photo, (30, 10, 70, 60), swap.background(photo, 1.0, Image.new("RGB", (9, 9), "red")))
    )
    outside = np.ones((80, 120), dtype=bool)
    outside[10:60, 30:70] = False
    assert (placed[outside] == (255, 0, 0)).all()


def test_a_box_beyond_the_photo(photo: Image.Image) -> None:
    grey = Image.new("RGB", photo.size, (128, 128, 128))
    np.testing.assert_array_equal(pixels(replace_background(photo, (-9, -9, 500, 500), grey)), pixels(photo))
    np.testing.assert_array_equal(pixels(replace_background(photo, (200, 200, 300, 300), grey)), pixels(grey))


def test_the_largest_strip_holds_nothing_of_the_object() -> None:
    photo = Image.new("RGB", (100, 60), "blue")
    photo.paste((255, 0, 0), (60, 10, 90, 50))
    strip = largest_strip(photo, (60, 10, 90, 50))
    assert strip is not None
    assert strip.size == (60, 60)
    assert not pixels(strip)[:, :, 0].any()
    assert largest_strip(photo, (2, 2, 99, 59)) is None
