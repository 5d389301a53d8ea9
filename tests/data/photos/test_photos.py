"""`open_photo`: every kind of file comes out RGB, upright and opaque, or as one sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fieldmark.data.photos.open_photo import content_key, open_photo
from fieldmark.errors import PhotoError

ORIENT = {  # EXIF orientation -> what has to be done to the stored pixels, in plain numpy
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


def scene(width: int = 60, height: int = 40, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8 without any symmetry: soft blobs, as photos have them."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def encoded(image: Image.Image, format_name: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def bomb_png(side: int = 30_000) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("orientation", ORIENT)
@pytest.mark.parametrize(
    ("format_name", "options"),
    [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})],
)
def test_exif_orientation_is_applied(orientation: int, format_name: str, options: dict[str, object]) -> None:
    pixels = scene()
    stored = np.asarray(Image.open(io.BytesIO(encoded(Image.fromarray(pixels), format_name, **options))))
    photo = open_photo(encoded(Image.fromarray(pixels), format_name, exif=exif(orientation), **options))
    assert photo.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(photo), ORIENT[orientation](stored))


@pytest.mark.parametrize("orientation", ORIENT)
def test_orientation_is_not_applied_a_second_time(orientation: int) -> None:
    from PIL import ImageOps

    photo = open_photo(encoded(Image.fromarray(scene()), exif=exif(orientation)))
    np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(photo)), np.asarray(photo))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_leaves_the_photo_upright() -> None:
    pixels = scene()
    plain = open_photo(encoded(Image.fromarray(pixels)))
    photo = open_photo(encoded(Image.fromarray(pixels), exif=b"Exif\0\0II*\0\xff\xff\xff\x7fgarbage"))
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(plain))


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(20, 700),
    height=st.integers(20, 700),
    wanted=st.tuples(st.integers(8, 300), st.integers(8, 300)),
    orientation=st.sampled_from(sorted(ORIENT)),
    trim=st.integers(0, 19),
)
def test_draft_is_never_smaller_than_asked_and_keeps_the_shape(
    width: int, height: int, wanted: tuple[int, int], orientation: int, trim: int
) -> None:
    data = encoded(Image.fromarray(scene(width, height)), exif=exif(orientation))
    full = open_photo(data, trim_bottom=trim)
    draft = open_photo(data, trim_bottom=trim, draft=wanted)
    for size, asked, whole in zip(draft.size, wanted, full.size, strict=True):
        assert min(asked, whole) <= size <= whole
    assert any(
        draft.width == -(-full.width // shrink) and abs(draft.height - full.height / shrink) < 2
        for shrink in (1, 2, 4, 8)
    )


def test_draft_shrinks_a_large_jpeg_eightfold() -> None:
    data = encoded(Image.fromarray(scene(2048, 1600)))
    assert open_photo(data, draft=(200, 200)).size == (256, 200)


def test_trim_cuts_the_bottom_of_the_upright_photo() -> None:
    for orientation, upright in ORIENT.items():
        data = encoded(Image.fromarray(scene()), "PNG", exif=exif(orientation))
        np.testing.assert_array_equal(np.asarray(open_photo(data, trim_bottom=7)), upright(scene())[:-7])


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    expected = np.rint(deep / 257).astype(np.uint8)
    for name in ("deep.png", "deep.tif"):
        Image.fromarray(deep).save(tmp_path / name)
        photo = np.asarray(open_photo(tmp_path / name))
        assert photo.shape == (64, 64, 3)
        for channel in range(3):
            np.testing.assert_array_equal(photo[..., channel], expected)


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (np.array([[0, 30_000, 65_535]], np.int32), 65_535),
        (np.array([[0, 70_000, 140_000]], np.int32), 140_000),
        (np.array([[0.0, 0.5, 1.0]], np.float32), 1.0),
        (np.array([[0.0, 100.0, 255.0]], np.float32), 255.0),
    ],
)
def test_deep_tiff_is_scaled_by_the_usual_white(tmp_path: Path, values: np.ndarray, white: float) -> None:
    Image.fromarray(values).save(tmp_path / "deep.tif")
    photo = np.asarray(open_photo(tmp_path / "deep.tif"))
    np.testing.assert_array_equal(photo[..., 0], np.rint(values.astype(np.float64) * 255 / white))


def test_transparency_is_shown_on_white() -> None:
    colours = scene()
    alpha = np.linspace(0, 255, colours.shape[1]).astype(np.uint8)[None].repeat(colours.shape[0], 0)
    photo = open_photo(encoded(Image.fromarray(np.dstack([colours, alpha])), "PNG"))
    weight = alpha[..., None] / 255
    expected = colours * weight + 255 * (1 - weight)
    np.testing.assert_allclose(np.asarray(photo, dtype=float), expected, atol=1)


@pytest.mark.parametrize("mode", ["LA", "P"])
def test_transparent_grey_and_palette_turn_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": image.getpixel((0, 0))} if mode == "P" else {}
    assert np.asarray(open_photo(encoded(image, "PNG", **options))).min() == 255


def test_transparent_colour_of_an_rgb_png_turns_white() -> None:
    image = Image.new("RGB", (8, 8), (10, 20, 30))
    assert np.asarray(open_photo(encoded(image, "PNG", transparency=(10, 20, 30)))).min() == 255


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr"])
def test_other_colours_become_rgb(mode: str) -> None:
    image = Image.fromarray(scene()).convert(mode)
    photo = open_photo(encoded(image, "TIFF"))
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(image.convert("RGB")))


def test_cmyk_jpeg_keeps_its_colours() -> None:
    for colour in [(220, 30, 40), (30, 200, 60), (20, 40, 210)]:
        photo = open_photo(encoded(Image.new("RGB", (32, 32), colour).convert("CMYK"), quality=95))
        np.testing.assert_allclose(np.asarray(photo)[16, 16], colour, atol=6)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    for format_name in ("GIF", "WEBP", "PNG"):
        photo = open_photo(encoded(frames[0], format_name, save_all=True, append_images=frames[1:]))
        np.testing.assert_allclose(np.asarray(photo)[8, 8], (255, 0, 0), atol=4)


def test_second_picture_in_a_phones_file_is_left_alone() -> None:
    first, second = Image.fromarray(scene(seed=1)), Image.fromarray(scene(seed=2))
    photo = open_photo(encoded(first, "MPO", save_all=True, append_images=[second], quality=95))
    assert np.abs(np.asarray(photo, dtype=int) - scene(seed=1)).mean() < 3


def test_path_bytes_and_stream_are_the_same_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(Image.fromarray(scene())))
    with path.open("rb") as stream:
        photos = [open_photo(path), open_photo(path.read_bytes()), open_photo(stream)]
    for photo in photos[1:]:
        np.testing.assert_array_equal(np.asarray(photo), np.asarray(photos[0]))


@pytest.mark.parametrize("draft", [None, (32, 32)])
def test_every_cut_of_a_jpeg_is_noticed(draft: tuple[int, int] | None) -> None:
    rng = np.random.default_rng(0)
    data = encoded(Image.fromarray(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)))
    for length in np.linspace(3, len(data) - 200, 40).astype(int):
        with pytest.raises(PhotoError, match=r"is damaged|is incomplete"):
            open_photo(data[:length], draft=draft)


@pytest.mark.parametrize("format_name", ["PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_half_of_any_format_is_noticed(format_name: str) -> None:
    rng = np.random.default_rng(0)
    data = encoded(Image.fromarray(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)), format_name)
    with pytest.raises(PhotoError, match="copy it again from its source or remove it"):
        open_photo(data[: len(data) // 2])


def test_error_texts(tmp_path: Path) -> None:
    def message(name: str, data: bytes | None, **options: int) -> str:
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(PhotoError) as caught:
            open_photo(path, **options)
        return str(caught.value).replace(f"{tmp_path}/", "")

    assert message("gone.jpg", None) == "gone.jpg does not exist: correct its path or take it off the list"
    assert message("none.jpg", b"") == "none.jpg is empty (0 bytes): copy it again from its source or remove it"
    assert message("notes.jpg", b"dear diary") == (
        "notes.jpg is not an image (it begins with b'dear dia'): expected JPEG, PNG, WebP or TIFF"
    )
    assert message("page.jpg", b"<!DOCTYPE html><html>") == (
        "page.jpg is no image that can be read but a web page or drawing, perhaps a failed download:"
        " fetch the photo again"
    )
    assert message("low.png", encoded(Image.new("RGB", (30, 15)), "PNG"), trim_bottom=20) == (
        "low.png is 15 pixels high, too low to trim 20 off its bottom: remove it or trim less"
    )
    assert message("wide.png", encoded(Image.new("RGB", (2000, 1000)), "PNG"), max_pixels=1_000_000) == (
        "wide.png has 2000 x 1000 = 2 million pixels, but the limit is 1 million: scale it down"
    )
    assert message("bomb.png", bomb_png()).startswith("bomb.png has too many pixels to unpack safely (")
    (tmp_path / "folder.jpg").mkdir()
    assert message("folder.jpg", None) == (
        "folder.jpg cannot be opened (Is a directory): expected an image file that may be read"
    )


def test_a_jpeg_beyond_pillows_own_limit_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.fromarray(scene()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert open_photo(data).size == (60, 40)


def test_content_key_is_of_the_bytes(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(scene()))
    for name in ("one.jpg", "copy.jpg"):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "other.jpg").write_bytes(data + b"\0")
    keys = [content_key(tmp_path / name) for name in ("one.jpg", "copy.jpg", "other.jpg")]
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 32
    with pytest.raises(PhotoError, match=r"gone\.jpg does not exist"):
        content_key(tmp_path / "gone.jpg")


def test_real_photos_equal_what_pillow_decodes(clothing: Path) -> None:
    for path in sorted(clothing.rglob("*.jpg"))[::15]:
        np.testing.assert_array_equal(np.asarray(open_photo(path)), np.asarray(Image.open(path).convert("RGB")))
