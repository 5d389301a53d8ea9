"""RA-CNN: nested squares, ranked scales, and stages in which either the classifiers or the proposals learn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.errors import SettingError
from fieldmark.layers.attention.attention_proposal import peak_square, strongest_square
from fieldmark.layers.regions.boxcar import boxcar_crop
from fieldmark.methods.build import build_method
from fieldmark.methods.ra_cnn import RACNN, rank_loss


@pytest.fixture
def method() -> RACNN:
    return ra_cnn()


def ra_cnn(**options: object) -> RACNN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = build_method("ra_cnn", 7, {"backbone": "test_efficientnet", **options}, 64)
        assert isinstance(method, RACNN)
        for proposal in method.proposals:  # away from the middle
            torch.nn.init.normal_(proposal.square.weight, std=0.2)
    return method.eval()


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def gradient_of(module: torch.nn.Module) -> float:
    return sum(float(each.grad.abs().sum()) for each in module.parameters() if each.grad is not None)


def prepared_for(method: RACNN, index: int) -> RACNN:
    stage = method.stages()[index]
    for backbone in method.backbones:
        backbone.freeze(stage.freeze)
    method.freeze_parts(stage.trains)
    return method


def test_rank_loss_by_hand() -> None:
    sure = torch.tensor([[0.5, 0.6, 0.62], [0.5, 0.4, 0.7]], dtype=torch.float64)
    logits = torch.stack([sure.log(), (1 - sure).log()], 2)  # (2, 3, 2)
    # first photo: 0.6 is surer than 0.5 by enough, 0.62 than 0.6 by 0.03 too little; second: 0.15 too little, enough
    expected = ((0.0 + 0.03) + (0.15 + 0.0)) / 2
    assert rank_loss(logits, torch.tensor([0, 0]), 0.05).item() == pytest.approx(expected, abs=1e-6)
    assert rank_loss(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), 0.05).item() == pytest.approx(expected, abs=1e-6)


def test_only_the_finer_scale_gets_a_gradient_from_the_rank_loss() -> None:
    logits = torch.zeros(1, 3, 4, requires_grad=True)
    rank_loss(logits, torch.tensor([2]), 0.05).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[0, 0] == 0).all()
    assert (logits.grad[0, 1:, 2] < 0).all()


@torch.no_grad()
def test_regions_are_nested_and_inside_the_photo(method: RACNN) -> None:
    regions = method(images(6)).regions
    assert regions is not None
    assert regions.shape == (6, 2, 4)
    outer, inner = regions.unbind(1)
    assert outer.min() >= -1e-4
    assert outer.max() <= 64 + 1e-4
    assert (inner[:, :2] >= outer[:, :2] - 1e-4).all()
    assert (inner[:, 2:] <= outer[:, 2:] + 1e-4).all()
    assert ((inner[:, 2:] - inner[:, :2]) <= (outer[:, 2:] - outer[:, :2])).all()


@torch.no_grad()
def test_the_embedding_concatenates_the_photo_and_its_regions(method: RACNN) -> None:
    output = method(images())
    assert output.regions is not None
    crops = [boxcar_crop(images(), output.regions[:, index], method.crop_side(64)) for index in range(2)]
    features = [F.normalize(method.backbone(each).mean((2, 3)), dim=1) for each in (images(), *crops)]
    torch.testing.assert_close(output.embedding, torch.cat(features, 1) / 3**0.5)
    torch.testing.assert_close(output.embedding.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(method.scale_logits(output).mean(1), output.logits)


def test_crops_are_read_at_half_the_side_unless_that_is_too_small(method: RACNN) -> None:
    assert method.crop_side(224) == 112
    assert method.crop_side(64) == 2 * method.backbone.reduction
    assert ra_cnn(crop_size=96).crop_side(224) == 96


def test_scales_share_a_backbone_or_have_their_own() -> None:
    assert len(ra_cnn().backbones) == 1
    apart = ra_cnn(shared_backbone=False)
    assert len(apart.backbones) == 3
    apart.zero_grad()
    apart.loss(apart(images()), torch.tensor([0, 1])).backward()  # type: ignore[no-untyped-call]
    assert all(gradient_of(backbone) > 0 for backbone in apart.backbones)


def test_stages_take_turns(method: RACNN) -> None:
    assert [stage.name for stage in method.stages()] == ["classifiers", "proposals", "classifiers"]
    assert len(ra_cnn(rounds=3).stages()) == 7
    assert sum(stage.share for stage in ra_cnn(rounds=3).stages()) == pytest.approx(1)


def test_classifiers_learn_from_every_scale_while_proposals_are_frozen(method: RACNN) -> None:
    prepared_for(method, 0)
    output, labels = method(images()), torch.tensor([0, 1])
    loss = method.loss(output, labels)
    scales = [F.cross_entropy(each, labels) for each in method.scale_logits(output).unbind(1)]
    torch.testing.assert_close(loss, F.cross_entropy(output.logits, labels) + torch.stack(scales).mean())
    loss.backward()  # type: ignore[no-untyped-call]
    assert gradient_of(method.backbone) > 0
    assert gradient_of(method.proposals) == 0


def test_proposals_learn_from_the_rank_loss_while_the_rest_is_frozen(method: RACNN) -> None:
    prepared_for(method, 1)
    output, labels = method(images(4)), torch.arange(4)
    loss = method.loss(output, labels)
    torch.testing.assert_close(loss, rank_loss(method.scale_logits(output), labels, 0.05))
    loss.backward()  # type: ignore[no-untyped-call]
    assert gradient_of(method.backbone) == gradient_of(method.head) == 0
    assert all(gradient_of(proposal) > 0 for proposal in method.proposals)


def test_before_the_first_stage_proposals_learn_where_features_respond_most(method: RACNN) -> None:
    batch = images(12) * torch.linspace(0, 1, 64)  # the right side is the livelier one

    def photos() -> Iterator[tuple[Tensor, Tensor]]:
        for part in batch.split(5):
            yield part, torch.zeros(len(part), dtype=torch.long)

    prepared_for(method, 0)
    for proposal in method.proposals:  # as it is built
        torch.nn.init.zeros_(proposal.square.weight)
    torch.manual_seed(0)
    method.begin_stage(0, photos)
    with torch.no_grad():
        local, feature_map = method.backbone.maps(batch)
        target, found = peak_square(feature_map, method.start_crop), method.proposals[0](local)
    assert (found - target).abs().mean() < 0.05
    kept = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    method.begin_stage(2, photos)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in method.state_dict().items())


def test_evidence_adds_up_to_the_truth_over_its_strongest_rival(method: RACNN) -> None:
    with torch.no_grad():
        feature_map = method.backbone(images(5))
        labels = torch.arange(5)
        found = method._evidence(feature_map, labels, 0)
        logits = method.scale_logits(method(images(5)))[:, 0] - method.head.bias
        norm = feature_map.mean((2, 3)).norm(dim=1)
    for row, label in enumerate(labels.tolist()):
        rival = max(float(logits[row, other]) for other in range(7) if other != label)
        # a scale's logits are of features of unit length, times their factor and the number of scales over its root
        factor = method.feature_scale * method.num_scales**0.5
        expected = (float(logits[row, label]) - rival) * float(norm[row]) / factor
        assert float(found[row].mean()) == pytest.approx(expected, abs=1e-5)


def test_with_aim_evidence_proposals_start_at_the_evidence() -> None:
    method = ra_cnn(aim="evidence")
    batch = images(12) * torch.linspace(0, 1, 64)

    def photos() -> Iterator[tuple[Tensor, Tensor]]:
        for part in batch.split(5):
            yield part, torch.zeros(len(part), dtype=torch.long)

    def distance() -> float:
        with torch.no_grad():
            return float((method.proposals[0](local) - target).abs().mean())

    torch.manual_seed(0)
    with torch.no_grad():
        local, feature_map = method.backbone.maps(batch)
        target = strongest_square(method._evidence(feature_map, torch.zeros(12, dtype=torch.long), 0), 0.5)
    before = distance()
    method.begin_stage(1, photos)
    assert distance() < 0.08 < before
    paper = ra_cnn()
    kept = {name: tensor.clone() for name, tensor in paper.state_dict().items()}
    paper.begin_stage(1, photos)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in paper.state_dict().items())


def test_an_unknown_aim() -> None:
    with pytest.raises(SettingError, match="unknown aim 'middle'"):
        ra_cnn(aim="middle")
