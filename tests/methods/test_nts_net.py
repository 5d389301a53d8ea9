"""NTS-Net: what it looks at, what the answer reads, and what teaches what."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.errors import SettingError
from fieldmark.layers.regions.crop_regions import crop_regions
from fieldmark.layers.regions.ranking import ranking_loss
from fieldmark.methods.build import build_method
from fieldmark.methods.nts_net import NTSNet, NTSNetOutput, describe, part_losses

LABELS = torch.tensor([1, 4])


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def method() -> NTSNet:
    return nts_net()


def nts_net(side: int = 64, **options: object) -> NTSNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = build_method("nts_net", 7, {"backbone": "test_efficientnet", "dropout": 0.0, **options}, side)
    assert isinstance(method, NTSNet)
    return method.eval()


def images(side: int = 64) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def taught(method: NTSNet) -> NTSNetOutput:
    output = method.train()(images())
    assert isinstance(output, NTSNetOutput)
    return output


@torch.no_grad()
def test_regions_lie_inside_the_photo_and_fall_in_score(method: NTSNet) -> None:
    output = method(images())
    assert output.regions.shape == (2, 4, 4)
    assert (output.regions >= 0).all()
    assert (output.regions <= 64).all()
    assert (output.regions[..., :2] < output.regions[..., 2:]).all()
    large = images(128)
    _, scores = method.propose(large, method.backbone.maps(large)[0], 2)
    assert (scores[:, 0] >= scores[:, 1]).all()


@torch.no_grad()
def test_the_embedding_is_the_photo_and_its_best_parts(method: NTSNet) -> None:
    output = method(images())
    whole = describe(method.backbone(images()))
    crops = crop_regions(images(), output.regions, 32)
    parts = describe(method.backbone(crops)).reshape(2, -1)
    torch.testing.assert_close(output.embedding, torch.cat([whole, parts], 1))
    torch.testing.assert_close(output.logits, method.head(output.embedding))
    torch.testing.assert_close(output.embedding.reshape(2, 5, -1).norm(dim=2), torch.full((2, 5), 4.0))


@torch.no_grad()
def test_the_classifier_uses_the_first_of_the_proposals() -> None:
    method = nts_net(num_parts=2)
    assert torch.equal(
        method(images()).regions, method.propose(images(), method.backbone.maps(images())[0], 6)[0][:, :2]
    )


def test_the_loss_is_the_sum_of_four(method: NTSNet) -> None:
    output = taught(method)
    assert output.raw_logits is not None
    assert output.part_logits is not None
    assert output.scores is not None
    assert output.part_logits.shape == (2, 6, 7)
    parts = torch.stack([F.cross_entropy(output.part_logits[:, k], LABELS, reduction="none") for k in range(6)], 1)
    torch.testing.assert_close(part_losses(output.part_logits, LABELS), parts)
    slow = F.cross_entropy(output.logits, LABELS) + F.cross_entropy(output.raw_logits, LABELS) + parts.mean()
    torch.testing.assert_close(method.loss(output, LABELS), slow + ranking_loss(output.scores, parts))


def test_the_weight_of_the_ranking() -> None:
    one, none = nts_net(), nts_net(rank_weight=0.0)
    output = taught(one)
    assert output.scores is not None
    assert output.part_logits is not None
    rank = ranking_loss(output.scores, part_losses(output.part_logits, LABELS))
    torch.testing.assert_close(one.loss(output, LABELS) - none.loss(output, LABELS), rank)


def test_only_the_navigator_learns_from_the_ranking_loss(method: NTSNet) -> None:
    output = taught(method)
    assert output.scores is not None
    assert output.part_logits is not None
    ranking_loss(output.scores, part_losses(output.part_logits, LABELS)).backward()  # type: ignore[no-untyped-call]
    reached = {name.split(".")[0] for name, parameter in method.named_parameters() if parameter.grad is not None}
    assert reached == {"navigator"}


def test_the_navigator_gets_no_gradient_from_the_classifiers(method: NTSNet) -> None:
    output = taught(method)
    assert output.part_logits is not None
    (output.logits.square().sum() + output.part_logits.square().sum()).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is None for parameter in method.navigator.parameters())
    assert any(parameter.grad is not None for parameter in method.backbone.parameters())


@torch.no_grad()
def test_crops_have_half_the_side_of_the_photo_or_part_size(method: NTSNet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    for one in (method, nts_net(part_size=48)):
        one.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))
        one(images())
    assert seen == [32, 48]


@torch.no_grad()
def test_a_vision_transformer_of_one_size_reads_crops_of_that_size() -> None:
    method = nts_net(backbone="vit_tiny_patch16_224", side=64, num_parts=1)
    assert method(images()).logits.shape == (2, 7)


def test_more_parts_than_proposals() -> None:
    with pytest.raises(SettingError) as raised:
        nts_net(num_parts=7)
    assert str(raised.value) == (
        "nts_net reads num_parts=7 out of num_proposals=6 regions: set num_proposals to no less"
    )


def test_classifiers_and_navigator_learn_before_the_backbone(method: NTSNet) -> None:
    assert [stage.freeze for stage in method.stages()] == ["all", None]
