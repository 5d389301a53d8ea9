"""Centres of classes against loops; no gradient moves them."""

from __future__ import annotations

import torch
from torch import Tensor

from fieldmark.layers.class_centers import ClassCenters

LABELS = torch.tensor([2, 0, 2, 2])


def descriptors() -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def moved_centers() -> ClassCenters:
    centers = ClassCenters(5, 3, rate=0.25).double()
    centers.centers.copy_(torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    return centers


def test_the_distance_photo_by_photo() -> None:
    centers, total = moved_centers(), 0.0
    for descriptor, label in zip(descriptors(), LABELS, strict=True):
        center = centers.centers[label] / centers.centers[label].norm()
        total += float(sum((descriptor[d] - center[d]) ** 2 for d in range(3)))
    torch.testing.assert_close(centers(descriptors(), LABELS), torch.tensor(total / 4, dtype=torch.float64))


def test_new_centers_lie_at_zero() -> None:
    centers = ClassCenters(5, 3).double()
    torch.testing.assert_close(centers(descriptors(), LABELS), descriptors().square().sum(1).mean())


def test_a_center_moves_towards_the_mean_of_its_class() -> None:
    centers = moved_centers()
    before = centers.centers.clone()
    centers.update(descriptors(), LABELS)
    for label in range(5):
        mine = descriptors()[label == LABELS]
        target = mine.mean(0) if len(mine) else before[label]
        torch.testing.assert_close(centers.centers[label], before[label] + 0.25 * (target - before[label]))


def test_the_order_of_the_batch_does_not_matter() -> None:
    one, other = moved_centers(), moved_centers()
    one.update(descriptors(), LABELS)
    other.update(descriptors().flip(0), LABELS.flip(0))
    torch.testing.assert_close(one.centers, other.centers)


def test_centers_get_no_gradient_and_descriptors_do() -> None:
    centers, x = moved_centers(), descriptors().requires_grad_(True)
    assert not list(centers.parameters())
    assert not centers.centers.requires_grad
    assert torch.autograd.gradcheck(lambda y: centers(y, LABELS), (x,))
    centers.update(x, LABELS)
    assert centers.centers.grad_fn is None


def test_centers_are_saved() -> None:
    assert set(ClassCenters(5, 3).state_dict()) == {"centers"}
