"""Descriptors are computed once for each photo, and again when anything that determines them changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from fieldmark.backbones import frozen_features as frozen_module
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.backbones.module_key import module_key
from fieldmark.backbones.onnx_export import Normalize
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.errors import PhotoError
from fieldmark.structures import Record

PREPROCESS = Preprocess(32)


class _Tiny(nn.Module):
    """Two descriptors of different widths that depend on left and right."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, stride=2)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.conv(images)
        return {"mean": maps.mean((2, 3)), "left": maps[:, :2, :, :4].mean((2, 3))}


DIMS = {"mean": 4, "left": 2}


@pytest.fixture
def photos(tmp_path: Path) -> list[Record]:
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(11):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(folder / f"{number:02}.png")
    return [Record(path, 0) for path in sorted(folder.iterdir())]


@pytest.fixture
def features(tmp_path: Path) -> FrozenFeatures:
    return FrozenFeatures(_Tiny(), DIMS, PREPROCESS, tmp_path / "cache")


@pytest.fixture
def no_photo_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a photo was opened")

    monkeypatch.setattr(frozen_module, "load_array", refuse)


def _expected(records: list[Record], *, mirror: bool = False) -> dict[str, np.ndarray]:
    images = np.stack([load_array(record, PREPROCESS, mirror=mirror) for record in records])
    with torch.no_grad():
        return {k: v.numpy() for k, v in _Tiny().eval()(Normalize(PREPROCESS)(torch.from_numpy(images))).items()}


def _assert_right(table: FeatureTable, records: list[Record]) -> None:
    for view in range(table.views):
        for name, values in _expected(records, mirror=bool(view)).items():
            np.testing.assert_allclose(table.read(name, view=view), values, rtol=2e-3, atol=2e-3)


def test_descriptors_are_those_of_the_module(features: FrozenFeatures, photos: list[Record]) -> None:
    table = features.extract(photos)
    assert table.views == 2
    _assert_right(table, photos)


def test_cached_photos_are_not_opened_again(
    features: FrozenFeatures, photos: list[Record], request: pytest.FixtureRequest
) -> None:
    first = features.extract(photos)
    request.getfixturevalue("no_photo_is_opened")
    again = FrozenFeatures(_Tiny(), DIMS, PREPROCESS, features._cache._rows_file.parents[2]).extract(photos[::-1])
    np.testing.assert_array_equal(again.read("left"), first.read("left")[::-1])


def test_known_content_needs_no_file_at_all(features: FrozenFeatures, photos: list[Record]) -> None:
    known = {record.path: record.path.name for record in photos}
    first = features.extract(photos, content_keys=known).read("mean")
    for record in photos:
        record.path.unlink()
    np.testing.assert_array_equal(features.extract(photos, content_keys=known).read("mean"), first)


def test_a_copy_under_another_name_is_the_same_photo(
    features: FrozenFeatures, photos: list[Record], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first = features.extract(photos)
    copied = Record(Path(shutil.copyfile(photos[3].path, tmp_path / "copy.png")), 0)
    request.getfixturevalue("no_photo_is_opened")
    assert features.extract([copied]).rows[0, 0] == first.rows[3, 0]


def test_one_view_first_and_the_mirror_later(features: FrozenFeatures, photos: list[Record]) -> None:
    assert features.extract(photos, mirror=False).views == 1
    _assert_right(features.extract(photos, mirror=True), photos)


def test_trimmed_pixels_are_part_of_the_key(features: FrozenFeatures, photos: list[Record]) -> None:
    cut = [Record(record.path, 0, trim_bottom=12) for record in photos]
    whole, trimmed = features.extract(photos), features.extract(cut)
    assert not set(whole.rows.ravel()) & set(trimmed.rows.ravel())
    _assert_right(trimmed, cut)


def test_bad_photos_are_reported_and_the_others_are_computed(features: FrozenFeatures, photos: list[Record]) -> None:
    photos[2].path.write_bytes(b"no photo")
    photos[5].path.unlink()
    table = features.extract(photos)
    assert set(table.failed) == {2, 5}
    assert "is not an image" in table.failed[2]
    assert "does not exist" in table.failed[5]
    assert (table.rows[[2, 5]] == -1).all()
    good = np.array([index for index in range(11) if index not in (2, 5)])
    np.testing.assert_allclose(
        table.read("mean", good), _expected([photos[index] for index in good])["mean"], rtol=2e-3, atol=2e-3
    )


def test_a_bad_photo_never_gets_the_descriptor_of_another(features: FrozenFeatures, photos: list[Record]) -> None:
    photos[2].path.write_bytes(b"no photo")
    table = features.extract(photos)
    with pytest.raises(PhotoError, match="is not an image"):
        table.read("mean")
    with pytest.raises(PhotoError):
        table.read("mean", np.array([0, 2]))


def test_no_photos(features: FrozenFeatures) -> None:
    assert features.extract([]).read("mean").shape == (0, 4)


def test_everything_that_determines_a_descriptor_changes_the_key() -> None:
    module = _Tiny().eval()
    key = module_key(module, PREPROCESS, ["mean", "left"])
    assert key == module_key(_Tiny().eval(), Preprocess(32), ["mean", "left"])
    assert key != module_key(module, Preprocess(48), ["mean", "left"])
    assert key != module_key(module, Preprocess(32, "pad"), ["mean", "left"])
    assert key != module_key(module, PREPROCESS, ["left", "mean"])
    with torch.no_grad():
        module.conv.bias[0] += 1e-6
    assert key != module_key(module, PREPROCESS, ["mean", "left"])


def test_the_iterations_of_a_matrix_root_change_the_key() -> None:
    """They are neither weights nor layers, but they change the numbers."""
    from fieldmark.layers.pooling.global_pooling import CovariancePool

    seven, five = CovariancePool(4, 2, iterations=7), CovariancePool(4, 2, iterations=5)
    five.load_state_dict(seven.state_dict())
    assert module_key(five, PREPROCESS, ["cov"]) != module_key(seven, PREPROCESS, ["cov"])
