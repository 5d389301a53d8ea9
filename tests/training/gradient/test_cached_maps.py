"""Training on cached maps of the frozen stages: the same photos and steps as with the photos themselves."""

from __future__ import annotations

import pytest
import torch

from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.frozen_prefix import FrozenPrefix
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.build import build_method, method_class, method_options
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient.augment import normalize
from fieldmark.training.gradient.cached_maps import CachedTraining, check_cached_views
from fieldmark.training.gradient.hardware import start_fabric
from fieldmark.training.gradient.loop import train_method
from fieldmark.training.gradient.photo_batches import TrainingPhotos
from fieldmark.training.gradient.samplers import mix_seed

SMALL = Preprocess(image_size=32)
CACHED = FineTune.Settings(
    epochs=2, batch_size=4, freeze="stage3", cached_views=3, ema=0, mixup=0, dropout=0, precision="32"
)


@pytest.fixture
def method() -> FineTune:
    torch.manual_seed(0)
    return FineTune(create_backbone("tf_efficientnet_lite0", pretrained=False), 7, cov_channels=8)


def test_each_epoch_reads_the_next_view_of_each_photo(method, drawings, tmp_path):
    method.backbone.freeze("stage3")
    method.eval()
    photos = TrainingPhotos(drawings, SMALL, CACHED, start_fabric(torch.device("cpu"), half=False))
    expected = {}
    for view in range(3):
        for index in range(len(drawings)):
            image = photos.crop([(index, mix_seed(CACHED.seed, view, index))]).images
            with torch.no_grad():
                expected[view, index] = method(normalize(image, SMALL)).logits[0]
    prefix = FrozenPrefix(method.backbone, 32)
    cached = CachedTraining(photos, prefix, tmp_path, "cpu")
    assert cached.steps(0) == 2
    for epoch in range(4):
        order = [index for draws in photos.order(0, epoch) for index, _ in draws]
        batches = list(cached.batches(0, epoch))
        assert sorted(order) == list(range(len(drawings)))
        assert torch.cat([batch.labels for batch in batches]).tolist() == [drawings[index].label for index in order]
        with prefix.skipped(), torch.no_grad():
            logits = torch.cat([method(batch.images.float()).logits for batch in batches])
        for index, found in zip(order, logits, strict=True):
            torch.testing.assert_close(found, expected[(index + epoch) % 3, index], rtol=0.02, atol=0.02)
    cached.close()
    assert not list(tmp_path.iterdir())


def test_only_the_stages_behind_the_cut_learn_and_the_method_takes_photos_again(method, drawings, tmp_path):
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    settings = CACHED.model_copy(update={"epochs": 6, "mixup": 0.2, "ema": 0.5})
    history = train_method(method, drawings, drawings, SMALL, settings, tmp_path)
    assert history.train_loss[-1] < history.train_loss[0]
    after = method.state_dict()
    assert after.keys() == before.keys()
    frozen = {name for name in before if name.startswith("backbone.model.blocks.2.")}
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert frozen
    assert not frozen & moved
    assert "head.weight" in moved
    assert any(name.startswith("backbone.model.blocks.6.") for name in moved)
    assert method(torch.zeros(2, 3, 32, 32)).logits.shape == (2, 7)
    assert not (tmp_path / "maps.f16").exists()


def test_the_same_seed_gives_the_same_weights(drawings, tmp_path):
    def run(name: str) -> torch.Tensor:
        torch.manual_seed(0)
        method = FineTune(create_backbone("tf_efficientnet_lite0", pretrained=False), 7, cov_channels=8)
        train_method(method, drawings, drawings, SMALL, CACHED, tmp_path / name)
        return method.head.weight.detach()

    torch.testing.assert_close(run("a"), run("b"), rtol=0, atol=0)


def test_values_beyond_half_precision_are_an_error(method, drawings, tmp_path):
    method.backbone.freeze("stem")
    with torch.no_grad():
        method.backbone.model.bn1.weight.fill_(1e6)
    method.backbone.model.bn1.act = torch.nn.Identity()
    photos = TrainingPhotos(drawings, SMALL, CACHED, start_fabric(torch.device("cpu"), half=False))
    with pytest.raises(
        SettingError, match=r"^a value of the frozen stages does not fit into 16 bits; leave cached_vie"
    ):
        CachedTraining(photos, FrozenPrefix(method.backbone, 32), tmp_path, "cpu")


def test_methods_that_cannot_use_it_say_why(method):
    check_cached_views(method, CACHED.model_copy(update={"cached_views": 0}), 2, 2)
    with pytest.raises(SettingError) as caught:
        check_cached_views(method, CACHED, 1, 2)
    text = "cached_views does not work with 'fine_tune', which has several stages of training; leave it out"
    assert str(caught.value) == text


@pytest.mark.parametrize("name", ["ws_dan", "dcl"])
def test_methods_that_change_pixels_are_refused(name: str):
    settings = method_class(name).Settings(cached_views=2, freeze="stem")
    built = build_method(name, 3, {"backbone": "test_efficientnet", **method_options(settings)}, 64)
    with pytest.raises(SettingError) as caught:
        check_cached_views(built, settings, 1, 1)
    text = f"cached_views does not work with '{name}', which cuts, erases or shuffles pixels; leave it out"
    assert str(caught.value) == text
