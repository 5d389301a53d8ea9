"""Any method with `GradientSettings` in the one loop: several backbones, several stages, initial weights by seed."""

from __future__ import annotations

import pytest
import torch

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.base import Method
from fieldmark.methods.bilinear_cnn import BilinearCNN
from fieldmark.methods.build import build_method, method_options
from fieldmark.methods.isqrt_cov import ISqrtCov
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.methods.ws_dan import WSDAN
from fieldmark.training.gradient.learner import set_learning_mode
from fieldmark.training.gradient.loop import train_method
from fieldmark.training.gradient.train_by_gradient import initial_method

PLAIN = {"epochs": 4, "batch_size": 8, "crop_scale": 0.8, "lr": 0.003, "layer_decay": 1.0}
TWO = BilinearCNN.Settings(second_backbone="test_resnet", projected=16, **PLAIN)


def built(settings: GradientSettings) -> Method:
    torch.manual_seed(0)
    return build_method(settings.method, 7, {"backbone": "test_efficientnet", **method_options(settings)}, 64)


def moved(method: Method, before: dict[str, torch.Tensor]) -> set[str]:
    """First parts of the names of what has changed."""
    now = method.state_dict()
    return {name.split(".")[0] for name in before if not torch.equal(now[name], before[name])}


@pytest.mark.parametrize(("freeze", "parts"), [(None, {"backbone", "second_backbone"}), ("all", set())])
def test_two_backbones_learn_and_freeze_together(drawings, tmp_path, freeze, parts):
    settings = TWO.model_copy(update={"freeze": freeze})
    method = built(settings)
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    history = train_method(method, drawings, drawings.like([]), Preprocess(64), settings, tmp_path)
    assert history.epochs == 4
    assert moved(method, before) == parts | {"reduce_a", "reduce_b", "head"}
    assert all(parameter.requires_grad for parameter in method.parameters())


def test_frozen_backbones_keep_the_statistics_of_their_batch_norms():
    method = built(TWO)
    for backbone in method.backbones:
        backbone.freeze("all")
    set_learning_mode(method, frozen_batchnorm=False)
    assert len(method.backbones) == 2
    assert not any(module.training for backbone in method.backbones for module in backbone.model.children())


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_three_passes_learn_in_the_loop(drawings, tmp_path, precision):
    settings = WSDAN.Settings(num_maps=4, precision=precision, **(PLAIN | {"epochs": 8}))
    method = built(settings)
    history = train_method(method, drawings, drawings, Preprocess(64), settings, tmp_path)
    assert history.train_loss[-1] < history.train_loss[0]
    assert (method.state_dict()["centers.centers"] != 0).any()


def test_batch_norm_on_one_photo_with_a_single_place_is_one_sentence(drawings, tmp_path):
    settings = ISqrtCov.Settings(start="random", batch_size=1, projected=4, epochs=1)
    method = build_method("isqrt_cov", 7, {"backbone": "test_resnet", **method_options(settings)}, 32)
    with pytest.raises(SettingError) as raised:
        train_method(method, drawings, drawings.like([]), Preprocess(32), settings, tmp_path)
    assert str(raised.value) == (
        "batch norm cannot learn from one photo whose feature map has a single place: raise batch_size or image_size"
    )


def test_the_seed_decides_the_initial_weights():
    def drawn(seed: int) -> dict[str, torch.Tensor]:
        settings = BilinearCNN.Settings(seed=seed, backbone="lite0", projected=8)
        return initial_method(settings, {"backbone": "lite0", **method_options(settings)}, 3).state_dict()

    state = torch.get_rng_state()
    one, again, other = drawn(3), drawn(3), drawn(4)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert {name.split(".")[0] for name in one if not torch.equal(one[name], other[name])} == {"reduce_a", "head"}
