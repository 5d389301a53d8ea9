"""Images with more than 8 bits are decoded by their own range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.quality.photo_facts import inspect_photos
from fieldmark.errors import PhotoError


def scene(seed: int = 0) -> np.ndarray:
    """(48, 64) uint8 that uses all levels from 0 to 255, as exposed photos do."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8), dtype=np.uint8))
    values = np.asarray(small.resize((64, 48), Image.Resampling.BICUBIC), dtype=float)
    return np.rint((values - values.min()) * 255 / np.ptp(values)).astype(np.uint8)


COPIES = {
    "8 bits in 16": lambda grey: grey.astype(np.uint16),
    "10 bits": lambda grey: np.rint(grey / 255 * 1023).astype(np.uint16),
    "12 bits": lambda grey: grey.astype(np.uint16) * 16,
    "16 bits": lambda grey: grey.astype(np.uint16) * 257,
    "offset": lambda grey: grey.astype(np.uint16) * 16 + 1000,
    "signed CT": lambda grey: grey.astype(np.int32) * 16 - 1024,
    "negative only": lambda grey: grey.astype(np.int32) * 3 - 5000,
    "large numbers": lambda grey: grey.astype(np.int32) * 5000 + 70_000,
    "float to 1": lambda grey: (grey / 255).astype(np.float32),
    "float to 255": lambda grey: grey.astype(np.float32),
    "float to 1.016": lambda grey: (grey / 255 * 1.016).astype(np.float32),
    "float around 0": lambda grey: (grey / 255 - 0.5).astype(np.float32),
    "negative floats": lambda grey: (grey / 255 - 7).astype(np.float32),
    "huge floats": lambda grey: ((grey / 127.5 - 1) * 3e38).astype(np.float32),
}


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_one_photo_decode_alike(tmp_path: Path, kind: str) -> None:
    grey = scene()
    Image.fromarray(COPIES[kind](grey)).save(tmp_path / "deep.tif")
    decoded = np.asarray(open_photo(tmp_path / "deep.tif"), dtype=int)
    assert np.abs(decoded - grey[..., None]).max() <= 1


@pytest.mark.parametrize("kind", ["10 bits", "12 bits", "16 bits", "float to 1", "signed CT"])
def test_copies_of_a_photo_without_black_and_white_decode_alike(tmp_path: Path, kind: str) -> None:
    grey = (scene() * 0.88 + 12).astype(np.uint8)
    Image.fromarray(COPIES[kind](grey)).save(tmp_path / "deep.tif")
    decoded = np.asarray(open_photo(tmp_path / "deep.tif"), dtype=int)
    assert np.abs(decoded - grey[..., None]).max() <= 1


@given(bits=st.integers(9, 16), offset=st.integers(-30_000, 30_000))
@settings(max_examples=30, deadline=None)
def test_any_depth_and_offset_keep_the_levels(bits: int, offset: int) -> None:
    import io

    grey = scene()
    values = np.rint(grey / 255 * (2**bits - 1)).astype(np.int32) + offset
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF")
    decoded = np.asarray(open_photo(buffer.getvalue()), dtype=int)[..., 0]
    slope, start = np.polyfit(grey.ravel(), decoded.ravel(), 1)
    assert 0.88 < slope < 1.01
    assert np.abs(decoded - slope * grey - start).max() <= 2


def test_dark_12_bit_microscopy_keeps_its_levels(tmp_path: Path) -> None:
    values = (scene().astype(np.uint16) * 4) + 100
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert len(np.unique(np.asarray(open_photo(tmp_path / "deep.png")))) > 200


def test_outliers_do_not_darken_the_rest(tmp_path: Path) -> None:
    values = scene().astype(np.float32) / 255
    values[0, :3] = (np.inf, np.nan, -np.inf)
    values[1, 1] = 1e6
    Image.fromarray(values).save(tmp_path / "hot.tif")
    decoded = np.asarray(open_photo(tmp_path / "hot.tif"), dtype=int)[..., 0]
    np.testing.assert_array_equal(decoded[0, :3], (255, 0, 0))
    assert np.abs(decoded[2:] - scene()[2:]).max() <= 4
    (facts,) = inspect_photos([tmp_path / "hot.tif"])
    assert "(percentiles 0.1 and 99.9) become black to white" in facts.problems[0].reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((40, 40), np.nan, np.float32), "no pixel is a number"),
        (np.full((40, 40), np.inf, np.float32), "no pixel is a number"),
        (np.full((40, 40), -3.5, np.float32), "every pixel is -3.5"),
        (np.zeros((40, 40), np.uint16), "every pixel is 0"),
    ],
)
def test_an_image_without_content_is_an_error(tmp_path: Path, values: np.ndarray, reason: str) -> None:
    path = tmp_path / "empty.tif"
    Image.fromarray(values).save(path)
    with pytest.raises(PhotoError) as caught:
        open_photo(path)
    assert str(caught.value) == f"{path} has no content ({reason}): export it again"
    (facts,) = inspect_photos([path])
    assert [problem.code for problem in facts.problems if problem.severity == "bad"] == ["no_content"]


def test_the_finding_states_the_range(tmp_path: Path) -> None:
    Image.fromarray(scene().astype(np.int32) * 3 - 5000).save(tmp_path / "deep.tif")
    (facts,) = inspect_photos([tmp_path / "deep.tif"])
    assert facts.problems[0].reason == (
        f"{tmp_path / 'deep.tif'} has more than 8 bits per channel: -5000 to -4235 (its smallest and largest value) "
        "become black to white"
    )


def test_a_declared_12_bit_tiff_uses_its_bits(tmp_path: Path) -> None:
    values = np.array([[0, 1000], [2000, 1500]], np.uint16)
    packed = b"".join(bytes((a >> 4, (a & 15) << 4 | b >> 8, b & 255)) for a, b in values.tolist())
    image = Image.frombytes("I;16", (2, 2), bytes(8))
    image.save(tmp_path / "twelve.tif")
    data = bytearray((tmp_path / "twelve.tif").read_bytes())
    tags = Image.open(tmp_path / "twelve.tif").tag_v2
    offset = tags[273][0]
    data[offset : offset + 6] = packed
    place = data.index((258).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    data[place + 8 : place + 10] = (12).to_bytes(2, "little")
    decoded = np.asarray(open_photo(bytes(data)))[..., 0]
    np.testing.assert_array_equal(decoded, np.rint(values * (255 / 4095)))


def test_a_tiff_whose_zero_is_white_is_inverted(tmp_path: Path) -> None:
    grey = scene()
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "plain.tif")
    data = bytearray((tmp_path / "plain.tif").read_bytes())
    place = data.index((262).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    data[place + 8 : place + 10] = bytes(2)
    np.testing.assert_array_equal(np.asarray(open_photo(bytes(data)))[..., 0], 255 - grey)
