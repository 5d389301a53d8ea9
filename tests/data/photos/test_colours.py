"""Colour profiles become sRGB, and a fourth band is transparency only where it is a mask."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.quality.photo_facts import inspect_photos

PROFILES = {  # columns: red, green, blue in XYZ (D50); gamma
    "Adobe RGB": (((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457)), 563 / 256),
    "ProPhoto": (((0.79767, 0.13519, 0.03134), (0.28804, 0.71188, 0.00009), (0.0, 0.0, 0.82491)), 1.8),
}
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def icc_profile(name: str) -> bytes:
    """A profile of three primaries and a gamma, as the ICC specification (version 2) lays it out."""
    matrix, gamma = PROFILES[name]

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 4)

    text = name.encode() + b"\0"
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)}
    tags |= {b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)}
    for letter, column in zip(b"rgb", zip(*matrix, strict=True), strict=True):
        tags[bytes([letter]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*column)
        tags[bytes([letter]) + b"TRC"] = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += padded(data)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def in_srgb(pixels: np.ndarray, name: str) -> np.ndarray:
    """The same colours by the formulas."""
    matrix, gamma = PROFILES[name]
    linear = ((pixels / 255.0) ** gamma) @ np.array(matrix).T @ np.linalg.inv(SRGB).T
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def muted() -> np.ndarray:
    """(48, 64, 3) colours that both spaces hold."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(70, 180, (6, 8, 3), dtype=np.uint8))
    return np.asarray(small.resize((64, 48), Image.Resampling.BICUBIC))


def encoded(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
@pytest.mark.parametrize(("name", "error_before"), [("Adobe RGB", 2), ("ProPhoto", 8)])
def test_profiles_become_srgb(name: str, error_before: int, format_name: str) -> None:
    data = encoded(Image.fromarray(muted()), format_name, icc_profile=icc_profile(name))
    expected = in_srgb(muted(), name)
    assert np.abs(muted() - expected).mean() > error_before
    assert np.abs(np.asarray(open_photo(data), dtype=float) - expected).max() < 2.5


def test_a_profile_of_a_cut_out_applies_to_its_colours() -> None:
    pixels = np.dstack([muted(), np.where(np.arange(64) < 32, 255, 0)[None].repeat(48, 0)]).astype(np.uint8)
    photo = np.asarray(open_photo(encoded(Image.fromarray(pixels), "PNG", icc_profile=icc_profile("ProPhoto"))), float)
    assert np.abs(photo[:, :32] - in_srgb(muted(), "ProPhoto")[:, :32]).max() < 2.5
    assert photo[:, 32:].min() == 255


@pytest.mark.parametrize("profile", [b"garbage", b"", bytes(500)])
def test_a_damaged_profile_is_ignored(profile: bytes) -> None:
    photo = open_photo(encoded(Image.fromarray(muted()), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(np.asarray(photo), muted())


def test_srgb_photos_keep_every_level() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = open_photo(encoded(Image.fromarray(muted()), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(np.asarray(photo), muted())


def test_a_profile_of_another_colour_space_is_ignored() -> None:
    grey = Image.fromarray(muted()).convert("L")
    photo = open_photo(encoded(grey, "PNG", icc_profile=icc_profile("ProPhoto")))
    np.testing.assert_array_equal(np.asarray(photo)[..., 0], np.asarray(grey))


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "WEBP"])
def test_near_infrared_is_not_transparency(tmp_path: Path, format_name: str) -> None:
    infrared = np.random.default_rng(1).integers(5, 60, (48, 64), dtype=np.uint8)
    path = tmp_path / "photo"
    path.write_bytes(encoded(Image.fromarray(np.dstack([muted(), infrared])), format_name, **LOSSLESS[format_name]))
    np.testing.assert_array_equal(np.asarray(open_photo(path)), muted())
    (facts,) = inspect_photos([path])
    assert "extra_band" in [problem.code for problem in facts.problems]
    assert facts.problems[0].reason == f"{path} has a fourth band that is not transparency: it is left out"


def test_near_infrared_with_dark_water_is_not_transparency() -> None:
    infrared = np.random.default_rng(1).integers(5, 60, (48, 64), dtype=np.uint8)
    infrared[:, :25] = 0
    photo = open_photo(encoded(Image.fromarray(np.dstack([muted(), infrared])), "TIFF"))
    np.testing.assert_array_equal(np.asarray(photo), muted())


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "WEBP"])
def test_a_cut_out_stays_on_white(format_name: str) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[10:40, 20:50] = 255
    mask[9, 20:50] = 128
    pixels = np.dstack([muted(), mask])
    photo = np.asarray(open_photo(encoded(Image.fromarray(pixels), format_name, **LOSSLESS[format_name])), dtype=float)
    weight = mask[..., None] / 255
    assert np.abs(photo - (muted() * weight + 255 * (1 - weight))).max() <= 1


LOSSLESS: dict[str, dict[str, object]] = {"WEBP": {"lossless": True, "exact": True}, "PNG": {}, "TIFF": {}}
