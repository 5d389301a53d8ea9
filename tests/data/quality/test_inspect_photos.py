"""`inspect_photos` on real broken files: what is bad is left out with a sentence, what is odd is told."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import content_key, open_photo
from fieldmark.data.quality.photo_facts import PhotoFacts, inspect_photos


def scene(seed: int = 0, width: int = 160, height: int = 120) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def turned(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return jpeg(scene(), exif=tags.tobytes())


def bomb(path: Path, side: int = 30_000) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PhotoFacts]:
    """Facts of a folder with one file of every kind, by file name."""
    folder = tmp_path_factory.mktemp("zoo")
    good = jpeg(scene(), quality=95)
    files = {
        "fine.jpg": good,
        "copy.jpg": good,
        "empty.jpg": b"",
        "half.jpg": good[: len(good) // 2],
        "zeros.jpg": good[: len(good) // 2] + bytes(len(good) - len(good) // 2),
        "padded.jpg": good + bytes(500),
        "text.jpg": b"not a photo at all",
        "header.jpg": good[:40],
        "cmyk.jpg": jpeg(scene().convert("CMYK")),
        "grey.jpg": jpeg(scene().convert("L")),
        "turned.jpg": turned(6),
        "upright.jpg": turned(1),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    scene().save(folder / "really_png.jpg", "PNG")
    scene().convert("RGBA").save(folder / "rgba.png")
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16).save(folder / "deep.png")
    scene(1).save(folder / "moving.gif", save_all=True, append_images=[scene(2), scene(3)])
    scene(1).save(folder / "cut.gif")
    whole = (folder / "cut.gif").read_bytes()
    (folder / "cut.gif").write_bytes(whole[:-1] + b"," + bytes(9))  # the head of a second frame instead of the end
    Image.new("RGB", (20, 200)).save(folder / "narrow.png")
    scene().save(folder / "fine.webp")
    bomb(folder / "bomb.png")
    (folder / "folder.jpg").mkdir()
    paths = [*sorted(folder.iterdir()), folder / "gone.jpg"]
    return {facts.path.name: facts for facts in inspect_photos(paths)}


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("fine.jpg", []),
        ("fine.webp", []),
        ("padded.jpg", []),
        ("upright.jpg", []),
        ("empty.jpg", ["empty"]),
        ("half.jpg", ["truncated"]),
        ("zeros.jpg", ["truncated"]),
        ("text.jpg", ["unreadable"]),
        ("header.jpg", ["unreadable"]),
        ("folder.jpg", ["unreadable"]),
        ("gone.jpg", ["missing"]),
        ("bomb.png", ["too_large"]),
        ("cmyk.jpg", ["cmyk"]),
        ("grey.jpg", ["grey"]),
        ("turned.jpg", ["rotated"]),
        ("really_png.jpg", ["wrong_suffix"]),
        ("rgba.png", ["transparent"]),
        ("deep.png", ["deep", "grey"]),
        ("moving.gif", ["animated"]),
        ("cut.gif", ["animated"]),
        ("narrow.png", ["tiny"]),
    ],
)
def test_problems(zoo: dict[str, PhotoFacts], name: str, codes: list[str]) -> None:
    assert [problem.code for problem in zoo[name].problems] == codes


def test_bad_files_have_a_reason_and_nothing_to_compare(zoo: dict[str, PhotoFacts]) -> None:
    bad = {name: facts for name, facts in zoo.items() if not facts.usable}
    assert set(bad) == {
        *("empty.jpg", "half.jpg", "zeros.jpg", "text.jpg", "header.jpg", "folder.jpg", "gone.jpg", "bomb.png")
    }
    for name, facts in bad.items():
        assert facts.reason is not None
        assert name in facts.reason
        assert facts.phash is None
        assert facts.thumbnail is None
    assert all(facts.reason is None and facts.phash is not None for facts in zoo.values() if facts.usable)


def test_reason_texts(zoo: dict[str, PhotoFacts]) -> None:
    def reason(name: str) -> str:
        facts = zoo[name]
        return str(facts.problems[0].reason).replace(f"{facts.path.parent}/", "")

    assert reason("zeros.jpg") == (
        "zeros.jpg is incomplete and filled up with zeros: copy it again from its source or remove it"
    )
    assert reason("half.jpg").startswith("half.jpg is damaged or incomplete (image file is truncated")
    assert reason("turned.jpg") == "turned.jpg is stored rotated or mirrored (EXIF): it is turned upright"
    assert reason("really_png.jpg") == "really_png.jpg is a PNG file by its content, which counts"
    assert reason("narrow.png") == "narrow.png has only 20 x 200 pixels: it shows little detail"


def test_sizes_are_of_the_upright_photo(zoo: dict[str, PhotoFacts]) -> None:
    assert (zoo["fine.jpg"].width, zoo["fine.jpg"].height) == (160, 120)
    assert (zoo["turned.jpg"].width, zoo["turned.jpg"].height) == (120, 160)
    assert (zoo["gone.jpg"].width, zoo["gone.jpg"].height) == (0, 0)


def test_equal_bytes_have_equal_keys(zoo: dict[str, PhotoFacts]) -> None:
    assert zoo["fine.jpg"].content_key == zoo["copy.jpg"].content_key == content_key(zoo["copy.jpg"].path)
    assert zoo["fine.jpg"].content_key != zoo["padded.jpg"].content_key


def test_facts_agree_with_open_photo(zoo: dict[str, PhotoFacts]) -> None:
    """Usable is what opens; sizes and thumbnails are those of the photo that everybody else sees."""
    for facts in zoo.values():
        if not facts.usable:
            continue
        photo = open_photo(facts.path)
        assert photo.size == (facts.width, facts.height)
        expected = np.asarray(photo.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=int)
        thumbnail = np.frombuffer(facts.thumbnail or b"", np.uint8).reshape(32, 32)
        assert np.abs(thumbnail - expected).mean() < 3


def test_hashes_are_imagehashs_own(zoo: dict[str, PhotoFacts]) -> None:
    imagehash = pytest.importorskip("imagehash")
    for facts in zoo.values():
        if facts.usable:
            grey = Image.frombytes("L", (32, 32), facts.thumbnail)
            assert facts.phash == int(str(imagehash.phash(grey)), 16)
            mirrored = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            assert facts.mirrored_phash == int(str(imagehash.phash(mirrored)), 16)


def test_trim_leaves_the_banner_out_of_the_comparison(tmp_path: Path) -> None:
    plain, bannered = scene(), Image.new("RGB", (160, 140), "white")
    bannered.paste(plain)
    plain.save(tmp_path / "plain.png")
    bannered.save(tmp_path / "banner.png")
    first, second = inspect_photos([tmp_path / "plain.png", tmp_path / "banner.png"], trim_bottom=[0, 20])
    assert first.phash == second.phash
    assert second.height == 140


def test_order_is_kept_and_no_photos_are_no_trouble(zoo: dict[str, PhotoFacts]) -> None:
    paths = [facts.path for facts in zoo.values()] * 3
    assert [facts.path for facts in inspect_photos(paths)] == paths
    assert inspect_photos([]) == []


def test_real_photos_are_clean(clothing: Path) -> None:
    facts = inspect_photos(sorted(clothing.rglob("*.jpg"))[::2])
    assert len(facts) == 100
    assert all(photo.problems == () for photo in facts)
