"""The packaged weights are loaded correctly: photos of birds get their ImageNet classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from fieldmark.backbones import bundled
from fieldmark.backbones.bundled import BUNDLED, DEFAULT_BACKBONE, load_bundled_weights
from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.onnx_export import Normalize
from fieldmark.data.photos.preprocess import load_array
from fieldmark.errors import ModelError
from fieldmark.structures import Record

IMAGENET_ALBATROSS, IMAGENET_INDIGO_BUNTING = 146, 14
PHOTOS = 20


def _top1(name: str, photos: list[Path], wanted: int) -> float:
    """Return the share of photos that the ImageNet network, with its classifier, assigns to the wanted class."""
    model = timm.create_model(name).eval()
    load_bundled_weights(model, name)
    preprocess = create_backbone(name, pretrained=False).preprocess()
    images = np.stack([load_array(Record(photo, 0), preprocess) for photo in photos])
    with torch.no_grad():
        logits = model(Normalize(preprocess)(torch.from_numpy(images)))
    return float((logits.argmax(1) == wanted).float().mean())


@pytest.mark.parametrize(
    ("folder", "wanted"),
    [("001.Black_footed_Albatross", IMAGENET_ALBATROSS), ("014.Indigo_Bunting", IMAGENET_INDIGO_BUNTING)],
)
def test_real_birds_get_their_imagenet_name(cub50: Path, folder: str, wanted: int) -> None:
    """A wrong order of the tensors or wrong preprocessing would fail here."""
    photos = sorted((cub50 / "images" / folder).glob("*.jpg"))[:PHOTOS]
    assert _top1(DEFAULT_BACKBONE, photos, wanted) >= 0.9 - 1e-6


def test_the_larger_packaged_network_knows_an_albatross(cub50: Path) -> None:
    photos = sorted((cub50 / "images" / "001.Black_footed_Albatross").glob("*.jpg"))[:10]
    assert _top1(BUNDLED[1], photos, IMAGENET_ALBATROSS) >= 0.8


def test_every_tensor_is_loaded() -> None:
    """No tensor keeps its initial value."""
    model = timm.create_model(DEFAULT_BACKBONE)
    for tensor in model.state_dict().values():
        tensor.fill_(torch.nan if tensor.is_floating_point() else 0)
    load_bundled_weights(model, DEFAULT_BACKBONE)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


def test_weights_of_another_network_are_refused() -> None:
    model = timm.create_model("resnet18")
    with pytest.raises(ModelError) as raised:
        load_bundled_weights(model, DEFAULT_BACKBONE)
    expected = sum(not name.endswith("num_batches_tracked") for name in model.state_dict())
    assert str(raised.value) == (
        f"the packaged weights of {DEFAULT_BACKBONE} do not match timm's model: expected {expected} tensors of its "
        f"shapes, found 247; reinstall fieldmark with its dependencies"
    )


@pytest.mark.parametrize("name", BUNDLED)
def test_the_weights_are_files_of_an_installed_package(name: str) -> None:
    assert Path(bundled._weights_file(name)).is_file()
