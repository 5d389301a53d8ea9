"""Losses on embeddings against loops over their formulas, in double precision."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from fieldmark.errors import SettingError
from fieldmark.layers.metric import OBJECTIVE_OPTIONS, MetricLoss, create_metric_loss

CLASSES, DIM = 4, 5
LABELS = torch.tensor([0, 0, 0, 2, 2, 3, 3, 3])


def embeddings(seed: int = 0) -> Tensor:
    drawn = torch.randn(len(LABELS), DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=1)


def built(objective: str, **options: Any) -> MetricLoss:
    torch.manual_seed(0)
    return create_metric_loss(objective, CLASSES, DIM, **options).double()


def pairs(alike: bool) -> list[tuple[int, int]]:
    count = range(len(LABELS))
    return [(i, j) for i in count for j in count if i != j and (LABELS[i] == LABELS[j]) == alike]


def mean_above_zero(values: list[float]) -> float:
    positive = [value for value in values if value > 0]
    return sum(positive) / len(positive) if positive else 0.0


@pytest.mark.parametrize(("margin", "expected"), [(2.0, 0.0), (5.0, None)])
def test_a_triplet_by_hand(margin: float, expected: float | None) -> None:
    """Anchor (1, 2), positive (1.1, 2.2), negative (4, 5), Euclidean: further apart than a margin of 2."""
    photos = torch.tensor([[1.0, 2.0], [1.1, 2.2], [4.0, 5.0]], dtype=torch.float64)
    loss = create_metric_loss("triplet", 2, 2, margin=margin)(photos, torch.tensor([0, 0, 1]))
    if expected is None:
        near = math.hypot(0.1, 0.2)
        expected = (near - math.hypot(3, 3) + margin + near - math.hypot(2.9, 2.8) + margin) / 2
    assert float(loss) == pytest.approx(expected)


def test_contrastive() -> None:
    points = embeddings()
    near = mean_above_zero([float((points[i] - points[j]).norm()) for i, j in pairs(True)])
    far = mean_above_zero([0.8 - float((points[i] - points[j]).norm()) for i, j in pairs(False)])
    assert float(built("contrastive", margin=0.8)(points, LABELS)) == pytest.approx(near + far)


def test_triplets_of_the_farthest_positive_and_the_nearest_negative() -> None:
    points = embeddings()
    distance = torch.cdist(points, points)
    losses = []
    for i in range(len(LABELS)):
        farthest = max(float(distance[i, j]) for k, j in pairs(True) if k == i)
        nearest = min(float(distance[i, j]) for k, j in pairs(False) if k == i)
        losses.append(farthest - nearest + 0.2)
    assert float(built("triplet")(points, LABELS)) == pytest.approx(mean_above_zero(losses))


def test_triplets_whose_negative_lies_behind_the_positive_but_within_the_margin() -> None:
    points = embeddings()
    distance = torch.cdist(points, points)
    losses = [
        float(distance[i, p] - distance[i, n]) + 0.5
        for i, p in pairs(True)
        for k, n in pairs(False)
        if k == i and 0 < float(distance[i, n] - distance[i, p]) <= 0.5
    ]
    assert losses
    loss = built("triplet", miner="semi_hard", margin=0.5)(points, LABELS)
    assert float(loss) == pytest.approx(mean_above_zero(losses))


def test_supervised_contrast() -> None:
    points = embeddings()
    s = (points @ points.T * 5.0).tolist()
    losses = []
    for i in range(len(LABELS)):
        total = math.log(sum(math.exp(s[i][a]) for a in range(len(LABELS)) if a != i))
        positives = [j for k, j in pairs(True) if k == i]
        losses.append(-sum(s[i][p] - total for p in positives) / len(positives))
    assert float(built("supcon", scale=5.0)(points, LABELS)) == pytest.approx(sum(losses) / len(losses))


def test_multi_similarity_of_mined_pairs() -> None:
    points = embeddings()
    s = (points @ points.T).tolist()
    total = 0.0
    for i in range(len(LABELS)):
        positives = [s[i][j] for k, j in pairs(True) if k == i]
        negatives = [s[i][j] for k, j in pairs(False) if k == i]
        hard = [value for value in positives if value - 0.1 < max(negatives)]
        close = [value for value in negatives if value + 0.1 > min(positives)]
        total += math.log(1 + sum(math.exp(-2 * (value - 0.5)) for value in hard)) / 2
        total += math.log(1 + sum(math.exp(50 * (value - 0.5)) for value in close)) / 50
    assert float(built("multi_similarity")(points, LABELS)) == pytest.approx(total / len(LABELS))


def test_proxy_anchor() -> None:
    points, loss = embeddings(), built("proxy_anchor", margin=0.2, scale=8.0)
    s = (points @ torch.nn.functional.normalize(loss.loss.proxies, dim=1).T).tolist()
    present = set(LABELS.tolist())
    pull = push = 0.0
    for c in range(CLASSES):
        if c in present:
            pull += math.log(1 + sum(math.exp(-8 * (s[i][c] - 0.2)) for i in range(8) if LABELS[i] == c))
        push += math.log(1 + sum(math.exp(8 * (s[i][c] + 0.2)) for i in range(8) if LABELS[i] != c))
    assert float(loss(points, LABELS).detach()) == pytest.approx(pull / len(present) + push / CLASSES)


@pytest.mark.parametrize(("objective", "centers"), [("arcface", 1), ("subcenter_arcface", 3)])
def test_angular_margins(objective: str, centers: int) -> None:
    points, loss = embeddings(), built(objective, margin=20.0, scale=10.0)
    cosine = points @ torch.nn.functional.normalize(loss.loss.W, dim=0)
    cosine = cosine.view(len(LABELS), CLASSES, centers).max(2).values.detach()
    losses = []
    for i, label in enumerate(LABELS.tolist()):
        row = [10 * float(value) for value in cosine[i]]
        row[label] = 10 * math.cos(math.acos(float(cosine[i, label])) + math.radians(20))
        losses.append(math.log(sum(map(math.exp, row))) - row[label])
    assert float(loss(points, LABELS).detach()) == pytest.approx(sum(losses) / len(losses))


@pytest.mark.parametrize("objective", OBJECTIVE_OPTIONS)
def test_nothing_to_compare_gives_finite_gradients(objective: str) -> None:
    for labels in ([1], [1, 1], [0, 1]):
        points = embeddings()[: len(labels)].float().requires_grad_()
        loss = built(objective).float()(points, torch.tensor(labels))
        loss.backward()
        assert torch.isfinite(loss)
        assert points.grad is not None
        assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize("objective", OBJECTIVE_OPTIONS)
def test_half_precision_compares_in_single(objective: str) -> None:
    points = embeddings().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = built(objective).float()(points, LABELS)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, built(objective).float()(points.float(), LABELS))


def test_unknown_names() -> None:
    with pytest.raises(SettingError) as caught:
        create_metric_loss("triplets", 3, 2)
    assert str(caught.value).startswith("unknown objective 'triplets': did you mean 'triplet'?")
    with pytest.raises(SettingError) as caught:
        create_metric_loss("supcon", 3, 2, margin=0.1)
    assert str(caught.value) == "unknown option of supcon 'margin': (known: scale)"
