"""What every method's evidence promises: it is of the method's own logits, and its places add up to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from fieldmark.explain.layer_hooks import late_block, watched
from fieldmark.explain.local_evidence import embedding_evidence, logit_evidence
from fieldmark.methods import METHODS
from fieldmark.methods.base import Method, ModelOutput
from fieldmark.methods.bilinear_cnn import BilinearCNN
from fieldmark.methods.build import build_method, method_options
from fieldmark.methods.metric_learning import MetricLearning
from fieldmark.methods.part_rcnn import PartRCNN
from fieldmark.methods.pim import PIM
from fieldmark.methods.pmg import PMG
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.transfg import TransFG
from fieldmark.methods.ws_dan import WSDAN

CLASSES, SIDE = 5, 64
BACKBONES = {"transfg": "test_vit"}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear_probe, gem": ("linear_probe", {"poolings": ("gem",)}),
    "linear_probe, cov": ("linear_probe", {"poolings": ("cov",)}),
    "linear_probe, all": ("linear_probe", {"poolings": ("avg", "gem", "cov")}),
    "bilinear_cnn of two backbones": ("bilinear_cnn", {"second_backbone": "test_resnet"}),
    "bilinear_cnn, concatenated": ("bilinear_cnn", {"second_backbone": "test_resnet", "fusion": "concat"}),
    "bilinear_cnn, larger one": ("bilinear_cnn", {"second_backbone": "test_resnet", "fusion": "max"}),
    "bilinear_cnn, improved": ("bilinear_cnn", {"matrix_root": True}),
    "compact_bilinear, Maclaurin": ("compact_bilinear", {"sketch": "random_maclaurin", "sketch_dim": 512}),
    "cbam, channels alone": ("cbam", {"attention": "se"}),
    "metric_learning, gem": ("metric_learning", {"pooling": "gem"}),
    "hierarchical_bilinear of one level": ("hierarchical_bilinear", {"levels": 1, "rank": 256}),
    "ws_dan, one look": ("ws_dan", {"refine": False}),
    "cal, one look": ("cal", {"num_crops": 0}),
}
NETWORKS = [name for name in METHODS if not METHODS.load(name).needs_models]
CASES = {name: (name, {}) for name in NETWORKS} | VARIANTS


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def photo() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.nn.functional.interpolate(torch.randn(1, 3, 8, 8, generator=generator), SIDE, mode="bicubic")


def build(name: str, changed: dict[str, Any]) -> Method:
    backbone = BACKBONES.get(name, "test_efficientnet")
    options = {"backbone": backbone, **method_options(METHODS.load(name).Settings(**changed)), **changed}
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(3)
        method = build_method(name, CLASSES, options, SIDE)
        if isinstance(method, MetricLearning):
            method.memory.embeddings.normal_()
        if isinstance(method, PooledMethod):
            for pooling, dim in method.pool.dims.items():
                method.set_scaling(pooling, torch.randn(dim), 0.7)
    return method.eval().requires_grad_(False)


@pytest.fixture(params=CASES)
def method(request: pytest.FixtureRequest) -> Method:
    return build(*CASES[request.param])


def without_places(method: Method) -> Tensor | None:
    """The part of the logits that comes from no place, by the head's own numbers; None where places come first."""
    if isinstance(method, MetricLearning | TransFG):  # a class token is no place: see test_transfg
        return None
    head = method.head
    assert isinstance(head, nn.Linear)
    if isinstance(method, PooledMethod):
        shifts = [getattr(method, f"center_{one}") * getattr(method, f"scale_{one}") for one in method.pool.names]
        return head.bias - head.weight @ torch.cat(shifts)
    if isinstance(method, PMG):
        return torch.stack([head.bias, *(one.bias for one in method.stage_heads)]).mean(0)  # type: ignore[arg-type]
    if isinstance(method, PartRCNN):
        there = method.find(photo()).present[0]
        shift = -(method.center * method.scale)
        shift[1:] = torch.where(there[:, None], shift[1:], method.absent)
        return head.bias + head.weight @ shift.flatten()
    if isinstance(method, PIM):
        features = method.local_features(photo())
        nodes = method.combiner.to_nodes(method.chosen_places(features))
        nothing = method.combiner.to_nodes(torch.zeros(1, nodes.shape[1], sum(method.counts)))
        return head(method.combiner.exchange(nothing, method.combiner.edges(nodes)))[0]
    return head.bias


def test_the_places_add_up_to_the_logits(method: Method) -> None:
    found = logit_evidence(method, photo(), range(CLASSES))
    total = np.sum([patch.values.sum((1, 2)) for patch in found.patches], axis=0)
    bias = without_places(method)
    if bias is not None:
        np.testing.assert_allclose(total + bias.numpy(), found.scores, atol=1e-4)


def test_the_logits_are_the_methods_own(method: Method) -> None:
    found = logit_evidence(method, photo(), range(CLASSES))
    if isinstance(method, WSDAN) and type(method) is WSDAN and method.refine:
        pytest.skip("the answer averages the probabilities of both looks, the evidence explains their mean logits")
    with torch.no_grad():
        logits = method(photo()).logits[0]
    np.testing.assert_allclose(found.scores, logits.numpy(), atol=1e-4)


def test_linear_functions_of_the_embedding_are_explained_too(method: Method) -> None:
    with torch.no_grad():
        embedding = method(photo()).embedding[0]
    weight = torch.randn(2, len(embedding), generator=torch.Generator().manual_seed(0))
    found = embedding_evidence(method, photo(), weight)
    np.testing.assert_allclose(found.scores, (weight @ embedding).numpy(), rtol=1e-3, atol=1e-3)
    if isinstance(method, PooledMethod):
        shifts = [getattr(method, f"center_{one}") * getattr(method, f"scale_{one}") for one in method.pool.names]
        total = np.sum([patch.values.sum((1, 2)) for patch in found.patches], axis=0)
        np.testing.assert_allclose(total - (weight @ torch.cat(shifts)).numpy(), found.scores, rtol=1e-3, atol=1e-3)


def test_patches_lie_on_the_photo(method: Method) -> None:
    found = logit_evidence(method, photo(), [0])
    for patch in found.patches:
        x1, y1, x2, y2 = patch.box
        assert -1e-3 <= x1 <= x2 <= SIDE + 1e-3
        assert -1e-3 <= y1 <= y2 <= SIDE + 1e-3


def test_an_earlier_layer_gives_a_finer_grid(method: Method) -> None:
    """Of every look, at the same place. A vision transformer has a single grid."""
    if isinstance(method, TransFG):
        pytest.skip("all layers of a vision transformer have the same grid")
    found = logit_evidence(method, photo(), [0, 3])
    assert found.fine
    for coarse, fine in zip(found.patches, found.fine, strict=False):
        assert (coarse.values.shape[0], fine.values.shape[0]) == (2, 1)
        assert fine.values.shape[1] >= coarse.values.shape[1]
    assert {patch.box for patch in found.fine} == {patch.box for patch in found.patches}


def test_the_finer_grid_is_the_gradient_of_the_logits() -> None:
    """By automatic differentiation through the whole method instead of the chain of two steps."""
    method = build("linear_probe", {"poolings": ("avg", "cov")})
    with watched(method) as earlier:
        logits = method(photo()).logits[0]
    (gradient,) = torch.autograd.grad(logits[2], earlier.fine)
    expected = (gradient * earlier.fine[0]).sum(1)[0].detach()
    found = logit_evidence(method, photo(), [2])
    total = sum(patch.values[0] for patch in found.fine)
    np.testing.assert_allclose(total, expected.numpy(), atol=1e-5)


def test_the_finer_grid_is_of_the_difference(method: Method) -> None:
    first, second, both = (logit_evidence(method, photo(), classes) for classes in ([1], [4], [1, 4]))
    for kind in ("fine", "late"):
        patches = [getattr(one, kind) for one in (first, second, both)]
        for one, other, difference in zip(*patches, strict=True):
            np.testing.assert_allclose(one.values - other.values, difference.values, atol=1e-4)


def test_every_method_says_what_it_pools() -> None:
    for name in NETWORKS:
        method = build(name, {})
        assert type(method).forward is Method.forward, name
        assert type(method).evidence_note is not Method.evidence_note, name


def test_an_average_is_the_weighted_feature_of_each_place() -> None:
    method = build("linear_probe", {})
    assert isinstance(method, PooledMethod)
    features = method.backbone(photo())[0]  # (C, h, w)
    weights = method.head.weight * method.scale_avg
    expected = torch.einsum("kc,chw->khw", weights, features) / features[0].numel()
    (patch,) = logit_evidence(method, photo(), range(CLASSES)).patches
    np.testing.assert_allclose(patch.values, expected.numpy(), atol=1e-6)


def test_bilinear_pooling_is_a_quadratic_form_of_each_place() -> None:
    method = build("bilinear_cnn", {})
    assert isinstance(method, BilinearCNN)
    output = method(photo())
    maps = output.feature_map[0].flatten(1).double()  # (M, N)
    matrix = maps @ maps.T / maps.shape[1]
    factors = output.embedding[0].double().reshape(matrix.shape) / matrix
    weights = method.head.weight.double().reshape(CLASSES, *matrix.shape) * factors
    expected = torch.einsum("kij,in,jn->kn", weights, maps, maps) / maps.shape[1]
    (patch,) = logit_evidence(method, photo(), range(CLASSES)).patches
    np.testing.assert_allclose(patch.values.reshape(CLASSES, -1), expected.numpy(), atol=1e-5)


class _Stranger(Method):
    """Somebody's own method: what it does after its backbone is not known here."""

    def __init__(self, method: PooledMethod) -> None:
        super().__init__(method.backbone, CLASSES)
        self.inner = method

    def forward(self, images: Tensor) -> ModelOutput:
        return self.inner(images)


def test_an_unknown_method_is_read_by_its_gradients() -> None:
    """For an average both ways must agree, since the gradient is exact there."""
    own = build("linear_probe", {})
    assert isinstance(own, PooledMethod)
    (expected,) = logit_evidence(own, photo(), [2, 4]).patches
    found = logit_evidence(_Stranger(own), photo(), [2, 4])
    np.testing.assert_allclose(found.patches[0].values, expected.values, atol=1e-5)
    assert found.how.startswith("gradient times feature in the last layer with places (HiResCAM)")


def test_the_late_block_is_the_last_but_one() -> None:
    """Of the stage before where the last one has a single block; of a stage that holds its blocks inside; or none."""
    model = timm.create_model("test_efficientnet", pretrained=False)
    lite = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    convnext = timm.create_model("test_convnext", pretrained=False, depths=(1, 1, 1, 3))
    assert late_block(lite, "blocks.4", "blocks.6") is lite.get_submodule("blocks.5.3")
    assert late_block(convnext, "stages.2", "stages.3") is convnext.get_submodule("stages.3.blocks.1")
    assert late_block(model, "act1", "blocks.4") is None
    assert len(model.get_submodule("blocks.4")) == 1
    assert late_block(model, "blocks.3", "blocks.4") is None


def test_the_late_block_is_explained_to_first_order() -> None:
    """By automatic differentiation through the whole method instead of the chain of two steps."""
    method = build("linear_probe", {"poolings": ("avg", "cov"), "backbone": "tf_efficientnet_lite0"})
    with watched(method) as earlier:
        logits = method(photo()).logits[0]
    (late,) = earlier.late
    (gradient,) = torch.autograd.grad(logits[2], late)
    found = logit_evidence(method, photo(), [2])
    expected = (gradient * late).sum(1)[0].detach().numpy()
    np.testing.assert_allclose(sum(patch.values[0] for patch in found.late), expected, atol=1e-5)
    assert {patch.values.shape[1:] for patch in found.fine} == {(4, 4)}
    assert {patch.values.shape[1:] for patch in found.late} == {(2, 2)}
