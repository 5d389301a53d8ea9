"""PMG: a classifier for each stage, shuffled photos for each of them, one answer of all."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.backbones.levels import feature_levels
from fieldmark.methods.build import build_method
from fieldmark.methods.pmg import PMG, PMGOutput, shuffle_by_level


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def method() -> PMG:
    return pmg()


def pmg(**options: object) -> PMG:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = build_method("pmg", 7, {"backbone": "test_efficientnet", "channels": 16, **options}, 64)
    assert isinstance(method, PMG)
    return method.eval()


def images(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_the_answer_is_the_mean_of_all_classifiers(method: PMG) -> None:
    output = method(images())
    descriptors = output.embedding.chunk(3, 1)
    each = [head(one) for head, one in zip(method.stage_heads, descriptors, strict=True)]
    torch.testing.assert_close(output.logits, (sum(each) + method.head(output.embedding)) / 4)
    for descriptor in descriptors:
        torch.testing.assert_close(descriptor.norm(dim=1), torch.full((3,), 4.0))


@torch.no_grad()
def test_a_descriptor_is_the_largest_value_of_each_channel(method: PMG) -> None:
    features = method.local_features(images())
    finest = method.classify(features).embedding[:, :16]
    level = method.blocks[0](feature_levels(method.backbone, images(), 3)[0])
    slow = torch.stack([channel.max() for photo in level for channel in photo]).reshape(3, 16)
    torch.testing.assert_close(finest, 4 * slow / slow.norm(dim=1, keepdim=True))
    assert features.feature_map is not None
    assert features.feature_map.shape[:2] == (3, 64)


def test_the_loss_counts_the_joined_classifier_twice(method: PMG) -> None:
    output, labels = method.train()(images()), torch.tensor([0, 3, 6])
    assert isinstance(output, PMGOutput)
    assert output.jigsaw_logits is not None
    each = [F.cross_entropy(output.jigsaw_logits[i : i + 1], labels[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(method.loss(output, labels), 2 * F.cross_entropy(output.logits, labels) + sum(each))


def test_every_classifier_learns_from_a_batch(method: PMG) -> None:
    output = method.train()(images())
    assert isinstance(output, PMGOutput)
    assert output.jigsaw_logits is not None
    output.jigsaw_logits.square().sum().backward()  # type: ignore[no-untyped-call]
    assert all((head.weight.grad != 0).any() for head in method.stage_heads)
    assert method.head.weight.grad is None


def test_every_classifier_learns_in_turn_from_batches_of_one(method: PMG) -> None:
    method.train()
    for _ in range(20):
        output = method(images(1))
        assert isinstance(output, PMGOutput)
        assert output.jigsaw_logits is not None
        output.jigsaw_logits.square().sum().backward()  # type: ignore[no-untyped-call]
    assert all(head.weight.grad is not None and (head.weight.grad != 0).any() for head in method.stage_heads)


def test_finer_stages_get_smaller_patches() -> None:
    """Rows of one patch move together: a column of row numbers keeps runs of just the patch's height."""
    rows = torch.arange(64.0)[None, None, :, None].expand(3, 3, 64, 64)
    shuffled = shuffle_by_level(rows, torch.tensor([0, 1, 2]), 3)
    for photo, patch in zip(shuffled, (8, 16, 32), strict=True):
        starts = photo[0, ::patch] % patch
        assert (starts == 0).all()
        assert torch.equal(photo[0, :patch, 0] - photo[0, 0, 0], torch.arange(float(patch)))


@torch.no_grad()
def test_blocks_begin_as_rotations(method: PMG) -> None:
    narrow, spread = method.blocks[1][0], method.blocks[1][3]  # type: ignore[index]
    matrix = narrow.weight.flatten(1)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(8), atol=1e-5, rtol=0)
    centre = spread.weight[:, :, 1, 1]
    torch.testing.assert_close(centre.T @ centre, torch.eye(8), atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("levels", [1, 2])
def test_other_numbers_of_stages(levels: int) -> None:
    method = pmg(levels=levels)
    assert method(images()).embedding.shape == (3, 16 * levels)


def test_blocks_learn_before_the_backbone(method: PMG) -> None:
    assert [stage.freeze for stage in method.stages()] == ["all", None]
