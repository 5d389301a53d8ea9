"""A data set with one problem of each kind, on drawn birds."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fieldmark
from fieldmark.data.photos.open_photo import content_key
from fieldmark_synth import synthesize


@dataclass(frozen=True)
class Spoiled:
    """The data set, and what was done to it: photos are named by their paths in it."""

    root: Path
    wrong: dict[str, str]
    """Photo under a wrong label -> its true class."""
    true_class: dict[str, int]
    """Content key -> number of the true class."""

    def embed(self, paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0) -> np.ndarray:
        """Embeddings (N, 24) by a network that separates the true classes well: a cloud around a centre for each."""
        del trim_bottom
        centres = np.random.default_rng(0).normal(size=(8, 24)) * 1.5
        keys = [content_key(path) for path in paths]
        clouds = [np.random.default_rng(int(key[:8], 16)).normal(size=24) for key in keys]
        return np.array(
            [centres[self.true_class[key]] + cloud for key, cloud in zip(keys, clouds, strict=True)], dtype=np.float32
        )


@pytest.fixture(scope="session")
def spoiled(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Spoiled:
    """Two wrong labels, an exact copy under another label, a saved-again copy, an empty file, a class of two photos."""
    root = shutil.copytree(birds, tmp_path_factory.mktemp("spoiled") / "birds")
    names = sorted(path.name for path in root.iterdir())
    photos = first, second, third, fourth = [sorted((root / name).iterdir()) for name in names]
    true_class = {content_key(photo): number for number, own in enumerate(photos) for photo in own}
    wrong = {}
    for photo, label in ((first[3], names[2]), (second[5], names[3])):
        moved = root / label / f"wrong-{photo.name}"
        wrong[moved.relative_to(root).as_posix()] = photo.parent.name
        photo.rename(moved)
    shutil.copyfile(third[0], root / names[3] / "copy.jpg")
    with Image.open(fourth[1]) as image:
        image.save(root / names[3] / "again.jpg", quality=60)
    true_class[content_key(root / names[3] / "again.jpg")] = 3
    (root / names[0] / "empty.jpg").write_bytes(b"")
    few = root / "few"
    few.mkdir()
    for index in range(2):
        Image.effect_noise((96, 96), 50 + 40 * index).convert("RGB").save(few / f"{index}.jpg")
        true_class[content_key(few / f"{index}.jpg")] = 4
    return Spoiled(root, wrong, true_class)


@pytest.fixture(scope="session")
def known_model(fitted: Path) -> fieldmark.Recognizer:
    return fieldmark.load(fitted)


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory, birds: Path) -> Path:
    """New photos of the 4 known species, 6 each, named after them; a copy, a broken file, and a known photo."""
    drawn = synthesize(tmp_path_factory.mktemp("drawn") / "more", 4, 30, "folder", 0, 128)
    known = {content_key(path) for path in birds.rglob("*.jpg")}
    folder = tmp_path_factory.mktemp("pool") / "photos"
    folder.mkdir()
    for index, record in enumerate(record for record in drawn if content_key(record.path) not in known):
        shutil.copyfile(record.path, folder / f"{drawn.classes[record.label]}.{index}.jpg")
    shutil.copyfile(sorted(folder.iterdir())[0], folder / "zz-copy.jpg")
    shutil.copyfile(sorted(birds.rglob("*.jpg"))[0], folder / "zz-known.jpg")
    (folder / "zz-broken.jpg").write_bytes(b"no photo")
    return folder
