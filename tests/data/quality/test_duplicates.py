"""Duplicates against slow loops, and against what is on real photos."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps
from scipy.ndimage import gaussian_filter

from fieldmark.data.quality import duplicates, thumbnail_detail
from fieldmark.data.quality.duplicates import (
    DETAIL,
    HASH_BITS,
    MIRRORED_DETAIL,
    DuplicatePair,
    duplicate_groups,
    embedding_duplicates,
    exact_duplicates,
    near_duplicates,
)
from fieldmark.data.quality.photo_facts import PhotoFacts, inspect_photos
from fieldmark.data.quality.thumbnail_detail import ThumbnailDetail


def facts_of(images: list[Image.Image], folder: Path) -> list[PhotoFacts]:
    for number, image in enumerate(images):
        image.save(folder / f"{number:04}.jpg", quality=90)
    return inspect_photos(sorted(folder.iterdir()))


def resaved(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=30)
    return Image.open(buffer)


def slow_near(facts: list[PhotoFacts]) -> set[tuple[int, int, str]]:
    """What `near_duplicates` promises, photo by photo."""

    def detail(photo: PhotoFacts, *, mirror: bool) -> np.ndarray:
        grey = np.frombuffer(photo.thumbnail or b"", np.uint8).reshape(32, 32).astype(np.float32)
        fine = grey - gaussian_filter(grey, 2.0)
        return (fine[:, ::-1] if mirror else fine).ravel()

    found = set()
    for i, first in enumerate(facts):
        for j, second in enumerate(facts[i + 1 :], i + 1):
            if not (first.usable and second.usable) or first.content_key == second.content_key:
                continue
            for kind, least in (("near", DETAIL), ("mirrored", MIRRORED_DETAIL)):
                other = second.phash if kind == "near" else second.mirrored_phash
                pair = detail(first, mirror=False), detail(second, mirror=kind == "mirrored")
                blank = min(vector.std() for vector in pair) == 0
                alike = (int(first.phash or 0) ^ int(other or 0)).bit_count() <= HASH_BITS and not blank
                if alike and np.corrcoef(*pair)[0, 1] >= least:
                    found.add((i, j, kind))
                    break
    return found


@pytest.fixture(scope="module")
def burst(tmp_path_factory: pytest.TempPathFactory) -> list[PhotoFacts]:
    """Twelve scenes; of each of the first six a shifted, a mirrored, a brighter and a re-saved copy; a blank photo."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (12, 18, 24, 3), dtype=np.uint8)
    scenes = [Image.fromarray(pixels).resize((240, 180), Image.Resampling.BICUBIC) for pixels in noise]
    copies = []
    for scene in scenes[:6]:
        copies += [scene.crop((2, 2, 240, 180)), ImageOps.mirror(scene), ImageEnhance.Brightness(scene).enhance(1.2)]
        copies.append(scene.resize((120, 90)))
    blank = [Image.new("RGB", (64, 64), colour) for colour in ("white", "grey")]
    return facts_of([*scenes, *copies, *blank], tmp_path_factory.mktemp("burst"))


def test_near_duplicates_equal_a_slow_loop(burst: list[PhotoFacts]) -> None:
    found = near_duplicates(burst)
    assert {(pair.first, pair.second, pair.kind) for pair in found} == slow_near(burst)
    assert len(found) > 50
    assert found == sorted(found)


@pytest.mark.parametrize(("at_once", "tile", "dense"), [(7, 3, 2.0), (7, 3, -1.0), (1000, 1024, -1.0)])
def test_parts_and_density_do_not_change_the_result(
    burst: list[PhotoFacts], monkeypatch: pytest.MonkeyPatch, at_once: int, tile: int, dense: float
) -> None:
    expected = near_duplicates(burst)
    monkeypatch.setattr(duplicates, "_AT_ONCE", at_once)
    monkeypatch.setattr(thumbnail_detail, "_TILE", tile)
    monkeypatch.setattr(thumbnail_detail, "_CHUNK", 5)
    monkeypatch.setattr(thumbnail_detail, "_DENSE", dense)
    found = near_duplicates(burst)
    assert [(pair.first, pair.second, pair.kind) for pair in found] == [
        (pair.first, pair.second, pair.kind) for pair in expected
    ]


def test_blank_photos_resemble_nothing() -> None:
    detail = ThumbnailDetail([bytes([grey]) * 1024 for grey in (0, 7, 200, 255)])
    assert not detail.rows(np.arange(4)).any()


def test_every_copy_joins_its_scene_and_scenes_stay_apart(burst: list[PhotoFacts]) -> None:
    groups = duplicate_groups(len(burst), near_duplicates(burst))
    scene_of = [*range(12), *(number // 4 for number in range(24)), 100, 101]
    for i, first in enumerate(scene_of):
        for j, second in enumerate(scene_of):
            assert (groups[i] == groups[j]) == (first == second)


def test_bad_files_and_few_photos_have_no_pairs(burst: list[PhotoFacts], tmp_path: Path) -> None:
    bad = inspect_photos([tmp_path / "gone.jpg", tmp_path / "gone.jpg"])
    assert near_duplicates([]) == near_duplicates(bad) == exact_duplicates(bad) == []
    shifted = near_duplicates([bad[0], *burst[:20]])
    assert [(pair.first - 1, pair.second - 1) for pair in shifted] == [
        (pair.first, pair.second) for pair in near_duplicates(burst[:20])
    ]


def test_exact_copies_pair_with_the_first(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(buffer, "JPEG")
    for name, data in {"a": b"x", "b": b"", "c": b"x", "d": b"y", "e": b"x"}.items():
        (tmp_path / f"{name}.jpg").write_bytes(buffer.getvalue() + data)
    facts = inspect_photos(sorted(tmp_path.iterdir()))
    assert exact_duplicates(facts) == [DuplicatePair(0, 2, "exact", 1.0), DuplicatePair(0, 4, "exact", 1.0)]
    assert near_duplicates(facts) == []


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 40), threshold=st.floats(0.3, 0.99))
def test_embedding_duplicates_equal_a_slow_loop(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(count, 3)).astype(np.float32) * rng.uniform(0.1, 9, (count, 1)).astype(np.float32)
    embeddings[::7] = 0
    embeddings[::11] = np.nan
    expected = []
    for i in range(count):
        for j in range(i + 1, count):
            a, b = embeddings[i].astype(float), embeddings[j].astype(float)
            norm = np.linalg.norm(a) * np.linalg.norm(b)
            if norm > 0 and abs(a @ b / norm - threshold) < 1e-5:
                return  # too close to call in single precision
            if norm > 0 and a @ b / norm >= threshold:
                expected.append((i, j))
    assert [(pair.first, pair.second) for pair in embedding_duplicates(embeddings, threshold)] == expected


edges = st.lists(
    st.tuples(st.integers(0, 19), st.integers(0, 19), st.floats(0.5, 1)).filter(lambda edge: edge[0] < edge[1]),
    max_size=40,
)


@given(edges=edges)
def test_groups_are_the_connected_components(edges: list[tuple[int, int, float]]) -> None:
    networkx = pytest.importorskip("networkx")
    pairs = [DuplicatePair(first, second, "near", similarity) for first, second, similarity in edges]
    graph = networkx.Graph([(pair.first, pair.second) for pair in pairs])
    graph.add_nodes_from(range(20))
    groups = duplicate_groups(20, pairs)
    for component in networkx.connected_components(graph):
        assert {groups[index] for index in component} == {min(component)}


@given(edges=edges, limit=st.integers(1, 6))
def test_no_group_outgrows_the_limit_except_through_exact_copies(
    edges: list[tuple[int, int, float]], limit: int
) -> None:
    near = [DuplicatePair(first, second, "near", similarity) for first, second, similarity in edges]
    assert max(np.bincount(duplicate_groups(20, near, max_group=limit))) <= limit
    exact = [DuplicatePair(0, second, "exact", 1.0) for second in range(1, 20)]
    assert duplicate_groups(20, [*near, *exact], max_group=limit) == [0] * 20


def test_the_most_alike_join_first() -> None:
    pairs = [DuplicatePair(0, 1, "near", 0.6), DuplicatePair(1, 2, "near", 0.9), DuplicatePair(2, 3, "near", 0.7)]
    assert duplicate_groups(4, pairs, max_group=2) == [0, 1, 1, 3]


def test_flowers17_has_72_pairs_all_inside_a_class(flowers17: Path) -> None:
    paths = sorted(flowers17.rglob("*.jpg"))
    pairs = near_duplicates(inspect_photos(paths))
    assert {kind: sum(pair.kind == kind for pair in pairs) for kind in ("near", "mirrored")} == {
        "near": 71,
        "mirrored": 1,
    }
    assert all(paths[pair.first].parent == paths[pair.second].parent for pair in pairs)
    groups = duplicate_groups(len(paths), pairs)
    assert np.unique(np.unique(groups, return_counts=True)[1], return_counts=True)[1].tolist() == [1216, 72]


def test_cub_has_four_pairs_and_no_silhouettes_among_them(cub50: Path) -> None:
    """By the hash alone most of the pairs within 12 bits would show two different species."""
    species = sorted((cub50 / "images").iterdir())[:35]
    paths = [path for folder in species for path in sorted(folder.iterdir())]
    pairs = near_duplicates(inspect_photos(paths))
    assert [(paths[pair.first].stem, paths[pair.second].stem) for pair in pairs] == [
        ("Laysan_Albatross_0065_809", "Laysan_Albatross_0096_673"),
        ("Bronzed_Cowbird_0025_796213", "Bronzed_Cowbird_0074_24045"),
        ("Black_Billed_Cuckoo_0043_795324", "Black_Billed_Cuckoo_0089_795322"),
        ("Black_Billed_Cuckoo_0051_795318", "Black_Billed_Cuckoo_0075_795298"),
    ]


def test_altered_copies_of_real_photos_are_found(clothing: Path, tmp_path: Path) -> None:
    """Recall on copies made on purpose: re-saved, smaller, brighter, mirrored, and with a thin edge cut off."""
    originals = [Image.open(path).convert("RGB") for path in sorted(clothing.rglob("*.jpg"))[::3]]
    recall = {}
    for name, alter in {
        "resaved": resaved,
        "half": lambda image: image.resize((image.width // 2, image.height // 2)),
        "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
        "mirrored": ImageOps.mirror,
        "edge": lambda image: ImageOps.crop(image, int(0.02 * image.width)),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        facts = facts_of(originals + [alter(image) for image in originals], folder)
        count = len(originals)
        found = {(pair.first, pair.second) for pair in [*near_duplicates(facts), *exact_duplicates(facts)]}
        recall[name] = sum((index, index + count) in found for index in range(count)) / count
    assert min(recall[name] for name in ("resaved", "half", "brighter", "mirrored")) >= 0.98, recall
    assert recall["edge"] >= 0.8, recall


def _grey_decoded(facts: PhotoFacts) -> PhotoFacts:
    """Return the facts with a thumbnail from the decoder's own grey image at an eighth of the size or more."""
    with Image.open(facts.path) as image:
        image.draft("L", (64, 64))
        grey = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    mirrored = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    phash, of_mirrored = (int(str(imagehash.phash(one)), 16) for one in (grey, mirrored))
    return replace(facts, phash=phash, mirrored_phash=of_mirrored, thumbnail=grey.tobytes())


def test_thumbnails_of_the_colours_find_the_pairs_of_a_grey_decode(flowers17: Path) -> None:
    facts = inspect_photos(sorted(flowers17.rglob("*.jpg"))[::3])
    again = [_grey_decoded(one) for one in facts]
    pixels = [np.frombuffer(b"".join(one.thumbnail or b"" for one in each), np.uint8) for each in (facts, again)]
    assert np.abs(np.subtract(*pixels, dtype=np.int16)).mean() < 0.2
    found, expected = (
        {(pair.first, pair.second, pair.kind) for pair in near_duplicates(each)} for each in (facts, again)
    )
    assert found == expected
    assert expected
