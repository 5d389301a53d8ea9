"""TransFG: which patches are selected, what the last layer reads, its loss and its evidence."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.errors import SettingError
from fieldmark.explain.local_evidence import logit_evidence
from fieldmark.layers.margin_contrast import margin_contrast
from fieldmark.layers.unit_length import constant_factors
from fieldmark.methods.build import build_method
from fieldmark.methods.transfg import TransFG, TransFGFeatures


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def transfg(**options: object) -> TransFG:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = build_method("transfg", 7, {"backbone": "test_vit", **options}, 64)
    assert isinstance(method, TransFG)
    return method.eval()


def images(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_each_head_selects_its_most_attended_patch() -> None:
    features = transfg().local_features(images())
    assert features.attention_maps is not None
    assert features.regions is not None
    for photo in range(3):
        flat = features.attention_maps[photo].flatten(1)  # (heads, patches)
        order = sorted(range(len(flat)), key=lambda head: -float(flat[head].max()))
        expected = [int(flat[head].argmax()) for head in order]
        assert features.selected[photo].tolist() == expected
        for patch, box in zip(expected, features.regions[photo].tolist(), strict=True):
            row, column = divmod(patch, 5)
            assert box == [12 * column, 12 * row, 12 * column + 16, 12 * row + 16]


@torch.no_grad()
def test_the_last_layer_reads_the_class_token_and_the_selected_patches() -> None:
    method = transfg()
    model, features = method.transformer, method.local_features(images())
    assert isinstance(features, TransFGFeatures)
    patches = features.maps[0].features.flatten(2).transpose(1, 2)
    for photo in range(3):
        tokens = torch.cat([features.prefix[photo], patches[photo, features.selected[photo]]])[None]
        token = model.fc_norm(model.norm(model.blocks[-1](tokens)))[:, 0]
        torch.testing.assert_close(method(images()).embedding[photo], token[0], rtol=1e-4, atol=1e-5)
    prefix = int(model.num_prefix_tokens)
    whole = model.blocks[:-1](model._pos_embed(model.patch_embed(images())))
    torch.testing.assert_close(patches, whole[:, prefix:])
    torch.testing.assert_close(features.prefix, whole[:, :prefix])


@torch.no_grad()
def test_patches_that_are_not_selected_do_not_reach_the_last_layer() -> None:
    method = transfg()
    features = method.local_features(images())
    expected = method.classify(features).logits
    for photo in range(3):
        chosen = features.selected[photo]
        kept = features.maps[0].features[photo].flatten(1)[:, chosen].clone()
        features.maps[0].features[photo] = 9.0
        features.maps[0].features[photo].flatten(1)[:, chosen] = kept
    torch.testing.assert_close(method.classify(features).logits, expected)


def test_the_loss_term_by_term() -> None:
    method = transfg(contrast_weight=0.3, contrast_margin=0.2)
    output, labels = method.train()(images()), torch.tensor([0, 3, 0])
    expected = F.cross_entropy(output.logits, labels) + 0.3 * margin_contrast(output.embedding, labels, 0.2)
    torch.testing.assert_close(method.loss(output, labels), expected)


def test_evidence_lies_on_the_selected_patches_and_adds_up_with_the_class_token() -> None:
    """Without biases, patches and class token together give the whole logit."""
    method = transfg()
    for name, parameter in method.named_parameters():
        if name.endswith("bias") and ("blocks" in name or "norm" in name or name == "head.bias"):
            nn.init.zeros_(parameter)
    photo = images(1)
    (patch,) = logit_evidence(method, photo, [2]).patches
    features = method.local_features(photo)
    places = set(features.selected[0].tolist())
    assert {int(place) for place in patch.values[0].ravel().nonzero()[0]} <= places
    features.prefix = features.prefix.detach().requires_grad_()
    with constant_factors():
        logit = method.classify(features).logits[0, 2]
    (gradient,) = torch.autograd.grad(logit, features.prefix)
    token = float((gradient * features.prefix).sum().detach())
    assert patch.values.sum() + token == pytest.approx(float(logit.detach()), abs=1e-4)


def test_another_image_size_is_refused() -> None:
    with pytest.raises(SettingError) as raised:
        transfg()(torch.zeros(1, 3, 96, 96))
    assert str(raised.value) == (
        "this model on 'test_vit' was built for images of 64 pixels, but these have 96: fit it with image_size=96"
    )
