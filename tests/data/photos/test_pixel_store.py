"""`PixelStore`: what a look over the files decodes is exactly what a network reads from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import draft_scale, identify_photo
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.data.quality.photo_facts import PhotoFacts, inspect_photos
from fieldmark.structures import Record

TRIM = 12


def _scene(width: int, height: int) -> Image.Image:
    random = np.random.default_rng(width * height)
    small = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """JPEGs around the sizes at which the decoder's scale changes, one stored sideways, and a PNG."""
    folder = tmp_path_factory.mktemp("sizes")
    for width, height in ((60, 80), (300, 223), (447, 448), (460, 500), (700, 900), (1800, 2000)):
        _scene(width, height).save(folder / f"{width}x{height}.jpg", quality=90)
    sideways = Image.Exif()
    sideways[0x0112] = 6
    _scene(900, 460).save(folder / "sideways.jpg", exif=sideways.tobytes())
    _scene(700, 500).save(folder / "plain.png")
    return sorted(folder.iterdir())


def _look(files: list[Path], store: PixelStore) -> list[PhotoFacts]:
    return inspect_photos(files, trim_bottom=TRIM, stores=[store] * len(files))


@pytest.mark.parametrize("preprocess", [Preprocess(224), Preprocess(96, "squash"), Preprocess(448, "pad", "bilinear")])
def test_kept_pixels_are_those_that_the_network_reads(
    files: list[Path], preprocess: Preprocess, tmp_path: Path
) -> None:
    with PixelStore(preprocess, tmp_path) as store:
        facts = _look(files, store)
        shared = 0
        for path, photo in zip(files, facts, strict=True):
            held = store.find(photo.content_key or "", TRIM, preprocess)
            with path.open("rb") as stream:
                image = identify_photo(stream, path.name)
                scales = [draft_scale(image, size, TRIM) for size in ((224, 224), preprocess.draft_size)]
            assert (held is not None) == (scales[0] == scales[1]), path.name
            if held is not None:
                np.testing.assert_array_equal(held, load_array(Record(path, 0, trim_bottom=TRIM), preprocess))
                shared += 1
    assert shared == len(store)
    assert shared == len(files) if preprocess.image_size == 224 else 0 < shared < len(files)


@pytest.mark.parametrize("side", [64, 224, 320])
def test_the_scale_is_the_one_that_the_decoder_takes(files: list[Path], side: int) -> None:
    for path in files:
        with path.open("rb") as stream:
            image = identify_photo(stream, path.name)
            full, scale = image.size, draft_scale(image, (side, side))
            image.draft(None, (side, side))
            assert image.size == tuple(-(-length // scale) for length in full)


def test_another_geometry_another_photo_and_another_cut_are_not_found(files: list[Path], tmp_path: Path) -> None:
    with PixelStore(Preprocess(224), tmp_path) as store:
        (facts,) = _look(files[:1], store)
        key = facts.content_key or ""
        assert store.find(key, TRIM, Preprocess(224, mean=(0.5, 0.5, 0.5))) is not None  # the graph normalises
        assert store.find(key, TRIM, Preprocess(224, "squash")) is None
        assert store.find(key, 0, Preprocess(224)) is None
        assert store.find("another", TRIM, Preprocess(224)) is None


def test_a_full_store_keeps_what_it_has_and_leaves_no_file(files: list[Path], tmp_path: Path) -> None:
    preprocess = Preprocess(32)
    with PixelStore(preprocess, tmp_path, max_bytes=3 * 3 * 32 * 32 + 100) as store:
        for number, path in enumerate(files):
            store.keep(str(number), 0, Image.open(path).convert("RGB"))
        assert len(store) == 3
        for number, path in enumerate(files[:3]):
            held = store.find(str(number), 0, preprocess)
            np.testing.assert_array_equal(held, preprocess(Image.open(path).convert("RGB")))
        assert store.find("3", 0, preprocess) is None
    assert list(tmp_path.iterdir()) == []


def test_facts_do_not_depend_on_the_network_that_shares_the_decode(files: list[Path], tmp_path: Path) -> None:
    alone = inspect_photos(files, trim_bottom=TRIM)
    for preprocess in (Preprocess(64), Preprocess(448)):
        with PixelStore(preprocess, tmp_path) as store:
            assert _look(files, store) == alone


def test_a_photo_that_is_too_low_to_trim_is_left_out(files: list[Path]) -> None:
    facts = inspect_photos([files[0]], trim_bottom=2000)
    (problem,) = [problem for problem in facts[0].problems if problem.severity == "bad"]
    assert problem.code == "too_low"
    assert "too low to trim 2000 off its bottom" in problem.reason
