"""A photo becomes the array that a network reads, by the same steps as PIL's own operations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.errors import PhotoError, SettingError
from fieldmark.structures import Record

BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


def _noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def _smooth(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downwards; no detail that a resampling filter could change."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.full_like(x, 64)], 2).astype(np.uint8))


def _near(one: NDArray[np.uint8], other: Image.Image, tolerance: float = 1.0) -> bool:
    return bool(np.abs(one.astype(float) - np.asarray(other, dtype=float)).mean() <= tolerance)


@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (64, 64), (91, 64)])
def test_crop_is_the_largest_centred_square(width: int, height: int) -> None:
    image, side = _smooth(width, height), min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    expected = image.resize((32, 32), BICUBIC, box=(left, top, left + side, top + side))
    assert _near(Preprocess(32)(image), expected, 0.0)


def test_squash_shows_the_whole_photo() -> None:
    image = _smooth(90, 60)
    assert _near(Preprocess(32, "squash", "bilinear")(image), image.resize((32, 32), BILINEAR), 0.0)


@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90)])
def test_pad_keeps_the_proportions_on_grey(width: int, height: int) -> None:
    array = Preprocess(48, "pad")(_smooth(width, height))
    upright = array if width > height else array.transpose(1, 0, 2)
    assert (upright[:8] == 128).all()
    assert (upright[-8:] == 128).all()
    inside = _smooth(width, height).resize((48, 32) if width > height else (32, 48), BICUBIC)
    assert _near(array[8:40] if width > height else array[:, 8:40], inside, 0.0)


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_every_mode_gives_a_square_of_bytes(resize: str) -> None:
    for size in ((1, 1), (500, 3), (3, 500), (33, 32)):
        array = Preprocess(32, resize)(_noise(*size))  # type: ignore[arg-type]
        assert array.shape == (32, 32, 3)
        assert array.dtype == np.uint8


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_mirror_is_the_flipped_array(resize: str) -> None:
    preprocess, image = Preprocess(32, resize), _noise(70, 50)  # type: ignore[arg-type]
    assert (preprocess(image, mirror=True) == preprocess(image)[:, ::-1]).all()


def test_a_photo_of_the_size_passes_unchanged() -> None:
    image = _noise(32, 32)
    assert (Preprocess(32)(image) == np.asarray(image)).all()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_downscaling_is_antialiased(interpolation: str) -> None:
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = Preprocess(32, "squash", interpolation)(Image.fromarray(stripes))
    assert np.abs(small.astype(int) - 127).max() <= 8


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
@pytest.mark.parametrize(("width", "height"), [(300, 200), (200, 300), (128, 128)])
def test_box_on_photo_is_what_fills_the_square(resize: str, width: int, height: int) -> None:
    """A pixel of the square shows the colour of that place on the photo, wherever the place is."""
    preprocess = Preprocess(64, resize)  # type: ignore[arg-type]
    x1, y1, x2, y2 = preprocess.box_on_photo(width, height)
    array = preprocess(_smooth(width, height)).astype(float)
    for row, column in ((32, 32), (28, 40), (40, 25)):
        x = x1 + (column + 0.5) / 64 * (x2 - x1)
        y = y1 + (row + 0.5) / 64 * (y2 - y1)
        expected = (x - 0.5) / (width - 1) * 255, (y - 0.5) / (height - 1) * 255
        assert np.abs(array[row, column, :2] - expected).max() < 3.5


def test_it_survives_json() -> None:
    preprocess = Preprocess(96, "pad", "bilinear", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert Preprocess.from_dict(json.loads(json.dumps(preprocess.to_dict()))) == preprocess


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"resize": "stretch"}, "unknown resize mode 'stretch': (known: crop, pad, squash)"),
        (
            {"interpolation": "bicubc"},
            "unknown interpolation 'bicubc': did you mean 'bicubic'? (known: bicubic, bilinear)",
        ),
        ({"image_size": 8}, "image_size must lie between 16 and 4096 pixels, but is 8"),
    ],
)
def test_wrong_values(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingError) as raised:
        Preprocess(**values)  # type: ignore[arg-type]
    assert str(raised.value) == sentence


def test_load_array_trims_before_anything_else(tmp_path: Path) -> None:
    image = _noise(64, 84)
    image.paste((0, 0, 0), (0, 64, 64, 84))
    image.save(tmp_path / "banner.png")
    array = load_array(Record(tmp_path / "banner.png", 0, trim_bottom=20), Preprocess(64))
    assert (array == np.asarray(image)[:64]).all()


def test_load_array_of_a_large_jpeg_is_that_of_the_whole_photo(tmp_path: Path) -> None:
    """The decoder may shrink while it decodes; what comes out has to look the same."""
    image = _smooth(1200, 900)
    image.save(tmp_path / "large.jpg", quality=95)
    array = load_array(Record(tmp_path / "large.jpg", 0), Preprocess(64))
    assert _near(array, Image.fromarray(Preprocess(64)(image)), 1.5)


def test_load_array_of_no_photo(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(PhotoError, match="is not an image"):
        load_array(Record(tmp_path / "text.jpg", 0), Preprocess(64))
