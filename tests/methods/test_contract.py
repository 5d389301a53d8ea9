"""What every entry of the table promises: any number of classes, one photo or many, learning, saving, exporting."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fieldmark.backbones.onnx_export import Normalize, export_graph
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.methods import METHODS
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method, method_class, method_options
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import FitSettings
from fieldmark.training.method_graph import NamedOutputs

CLASSES = 7
SIDE = 64
BACKBONES = {"transfg": "test_vit"}
"""Methods that need another kind of backbone than a convolutional one."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bilinear_cnn of two backbones": ("bilinear_cnn", {"second_backbone": "test_resnet", "projected": None}),
    "bilinear_cnn, concatenated": ("bilinear_cnn", {"second_backbone": "test_resnet", "fusion": "concat"}),
    "bilinear_cnn, summed": ("bilinear_cnn", {"second_backbone": "test_resnet", "fusion": "sum"}),
    "bilinear_cnn, larger one": ("bilinear_cnn", {"second_backbone": "test_resnet", "fusion": "max"}),
    "bilinear_cnn, improved": ("bilinear_cnn", {"matrix_root": True}),
    "compact_bilinear, Maclaurin": ("compact_bilinear", {"sketch": "random_maclaurin", "sketch_dim": 512}),
    "compact_bilinear of two backbones": ("compact_bilinear", {"second_backbone": "test_resnet", "sketch_dim": 512}),
    "cbam, channels alone": ("cbam", {"attention": "se"}),
    "metric_learning, angles": ("metric_learning", {"objective": "subcenter_arcface", "pooling": "gem"}),
    "metric_learning, contrast": ("metric_learning", {"objective": "supcon", "embedding_dim": 64}),
    "transfg of patches that do not overlap": ("transfg", {"patch_stride": 16}),
    "mcl, with channels of its own": ("mcl", {"channels_per_class": 3}),
    "pim of one level": ("pim", {"levels": 1, "pyramid_channels": 64}),
    "hierarchical_bilinear of one level": ("hierarchical_bilinear", {"levels": 1, "rank": 256}),
}
NETWORKS = [name for name in METHODS if not METHODS.load(name).needs_models]
CASES: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in NETWORKS} | VARIANTS


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """A method's name and the options that it is built with: its settings' own, or a variant of them."""
    name, changed = CASES[request.param]
    settings = METHODS.load(name).Settings(**changed)
    return name, {"backbone": BACKBONES.get(name, "test_efficientnet"), **method_options(settings)}


def build(case: tuple[str, Mapping[str, Any]], seed: int = 0) -> Method:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return build_method(case[0], CLASSES, case[1], SIDE)


@pytest.fixture(scope="module")
def built() -> dict[str, Method]:
    """Methods by their case, as they were built; a test takes a copy."""
    return {}


@pytest.fixture
def method(case: tuple[str, dict[str, Any]], built: dict[str, Method]) -> Method:
    key = repr(case)
    if key not in built:
        built[key] = build(case)
    return copy.deepcopy(built[key])


def photos(count: int, seed: int = 0) -> Tensor:
    """Noise with a colour of its own for each photo, normalised (count, 3, S, S)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 1, 1, generator=generator) + torch.randn(count, 3, SIDE, SIDE, generator=generator)


def gradients(method: Method) -> list[Tensor]:
    return [parameter.grad for parameter in method.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_registered_by_its_name_and_file(name: str) -> None:
    found = METHODS.load(name)
    assert issubclass(found.Settings, FitSettings)
    assert found.Settings().method == name  # type: ignore[call-arg]
    assert found.__module__ == f"fieldmark.methods.{name}"
    assert METHODS.summary(name)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_default_of_a_setting_is_in_the_constructor_too(name: str) -> None:
    method = method_class(name)
    for parameter in inspect.signature(method.__init__).parameters.values():
        inherited = method.__init__ is PooledMethod.__init__  # which frozen heads share, that have no such settings
        assert inherited or parameter.default is parameter.empty, parameter


def test_one_photo(method: Method) -> None:
    output = method.eval()(photos(1))
    assert output.logits.shape == (1, CLASSES)
    assert output.embedding.ndim == 2
    assert len(output.embedding) == 1
    assert torch.isfinite(output.logits).all()
    assert torch.isfinite(output.embedding).all()


def test_finite_loss_and_gradients_of_one_photo(method: Method) -> None:
    loss = method.loss(method.train()(photos(1)), torch.tensor([CLASSES - 1]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert gradients(method)
    assert all(torch.isfinite(gradient).all() for gradient in gradients(method))


def test_finite_gradients_of_a_blank_photo(method: Method) -> None:
    method.loss(method.train()(torch.zeros(2, 3, SIDE, SIDE)), torch.tensor([0, 1])).backward()  # type: ignore[no-untyped-call]
    assert all(torch.isfinite(gradient).all() for gradient in gradients(method))


def test_finite_gradients_in_half_precision(method: Method) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method.loss(method.train()(photos(2)), torch.tensor([0, 1]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert all(torch.isfinite(gradient).all() for gradient in gradients(method))


def test_labels_may_be_mixed(method: Method) -> None:
    twin = copy.deepcopy(method.train())  # a loss may move what it keeps of each class
    output = method(photos(3))
    hard = torch.tensor([0, 3, 6])
    soft = torch.nn.functional.one_hot(hard, CLASSES).float()
    torch.testing.assert_close(twin.loss(output, soft), method.loss(output, hard))


def test_it_learns_eight_photos(method: Method) -> None:
    images, labels = photos(8), torch.arange(8) % CLASSES
    body = [parameter for backbone in method.backbones for parameter in backbone.parameters()]
    head = list(method.head_parameters())  # faster, as in the loop
    optimizer = torch.optim.AdamW([{"params": body}, {"params": head, "lr": 2e-2}], lr=2e-3)
    torch.manual_seed(0)
    losses = []
    for _ in range(10):
        loss = method.loss(method.train()(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0], losses


def test_the_head_is_every_parameter_outside_the_backbones(method: Method) -> None:
    head = {id(parameter) for parameter in method.head_parameters()}
    inside = {id(parameter) for backbone in method.backbones for parameter in backbone.parameters()}
    assert head
    assert not head & inside
    assert head | inside == {id(parameter) for parameter in method.parameters()}


def test_stages_take_all_epochs_and_freeze_what_exists(method: Method) -> None:
    stages = method.stages()
    assert sum(stage.share for stage in stages) == pytest.approx(1)
    for stage in stages:
        for backbone in method.backbones:
            backbone.freeze(stage.freeze)
    assert stages[-1].freeze != "all"


def test_evaluation_is_deterministic(method: Method) -> None:
    images = photos(2)
    method.eval()
    with torch.no_grad():
        first, second = method(images), method(images)
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.embedding, second.embedding)


def test_logits_do_not_depend_on_the_other_photos_of_a_batch(method: Method) -> None:
    images = photos(3)
    method.eval()
    with torch.no_grad():
        torch.testing.assert_close(method(images).logits[1:2], method(images[1:2]).logits, rtol=1e-4, atol=1e-5)


def test_save_and_load_give_equal_logits(case: tuple[str, dict[str, Any]], method: Method, tmp_path: Path) -> None:
    images, file = photos(2), tmp_path / "weights.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in method.state_dict().items()}, file)
    loaded = build(case, seed=1)  # another seed: nothing that was drawn may be missing from the file
    loaded.load_state_dict(load_file(file))
    with torch.no_grad():
        assert torch.equal(loaded.eval()(images).logits, method.eval()(images).logits)


def test_the_graph_gives_equal_logits(method: Method) -> None:
    preprocess = method.backbone.preprocess(SIDE)
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    method.eval()
    with torch.no_grad():
        output = method(Normalize(preprocess)(torch.from_numpy(pixels)))
    runner = OnnxRunner(export_graph(NamedOutputs(method), preprocess, ["logits", "embedding"]))
    for count in (2, 1):  # the batch has no fixed size
        named = runner.run(pixels[:count])
        np.testing.assert_allclose(named["logits"], output.logits[:count], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(named["embedding"], output.embedding[:count], rtol=1e-3, atol=1e-4)
