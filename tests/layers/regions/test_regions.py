"""Hard suppression against a slow loop and against torchvision; crops of known content."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou, nms

from fieldmark.layers.regions.anchor_boxes import anchor_boxes
from fieldmark.layers.regions.crop_regions import choose_regions, crop_regions


def some_boxes(count: int = 60) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    corner = 80 * torch.rand(count, 2, generator=generator)
    return torch.cat([corner, corner + 5 + 25 * torch.rand(count, 2, generator=generator)], 1)


def some_scores(photos: int, count: int) -> Tensor:
    return torch.randn(photos, count, generator=torch.Generator().manual_seed(1))


def slow_choice(boxes: Tensor, scores: list[float], count: int, max_iou: float) -> list[int]:
    """The best, then the best that overlaps none before; the best of the rest where those run out."""
    order = sorted(range(len(boxes)), key=lambda index: -scores[index])
    kept: list[int] = []
    for index in order:
        if all(box_iou(boxes[index : index + 1], boxes[k : k + 1]) <= max_iou for k in kept):
            kept.append(index)
    return (kept + [index for index in order if index not in kept])[:count]


@pytest.mark.parametrize("count", [1, 6, 60])
@pytest.mark.parametrize("max_iou", [0.0, 0.25, 0.7])
def test_suppression_against_a_loop(count: int, max_iou: float) -> None:
    boxes, scores = some_boxes(), some_scores(3, 60)
    chosen = choose_regions(boxes, scores, count, max_iou)
    assert chosen.tolist() == [slow_choice(boxes, row.tolist(), count, max_iou) for row in scores]


def test_suppression_against_torchvision() -> None:
    boxes = anchor_boxes((448, 448), (14, 14))
    scores = some_scores(4, len(boxes))
    chosen = choose_regions(boxes, scores, 6, 0.25)
    for row, indices in zip(scores, chosen, strict=True):
        assert torch.equal(indices, nms(boxes, row, 0.25)[:6])


def test_boxes_that_are_all_alike_are_filled_up_by_score() -> None:
    boxes = torch.tensor([[0.0, 0.0, 8.0, 8.0]]).repeat(5, 1)
    chosen = choose_regions(boxes, torch.tensor([[1.0, 4.0, 2.0, 5.0, 3.0]]), 5, 0.25)
    assert chosen.tolist() == [[3, 1, 4, 2, 0]]


def test_fewer_regions_are_the_first_of_more() -> None:
    boxes, scores = some_boxes(), some_scores(2, 60)
    assert torch.equal(choose_regions(boxes, scores, 4, 0.25), choose_regions(boxes, scores, 6, 0.25)[:, :4])


def test_the_whole_box_of_the_photos_own_size_is_the_photo() -> None:
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    whole = torch.tensor([[[0.0, 0.0, 16.0, 16.0]]]).repeat(2, 1, 1)
    torch.testing.assert_close(crop_regions(images, whole, 16), images)


def test_crops_are_pixels_or_their_means_in_the_order_of_the_boxes() -> None:
    images = torch.arange(2 * 64, dtype=torch.float32).reshape(2, 1, 8, 8)
    boxes = torch.tensor([[2.0, 4.0, 6.0, 8.0], [0.0, 0.0, 8.0, 8.0]]).repeat(2, 1, 1)
    crops = crop_regions(images, boxes, 4).reshape(2, 2, 4, 4)
    torch.testing.assert_close(crops[:, 0], images[:, 0, 4:8, 2:6])
    torch.testing.assert_close(crops[:, 1], torch.nn.functional.avg_pool2d(images, 2)[:, 0])


def test_no_gradient_reaches_the_boxes() -> None:
    boxes = torch.tensor([[[2.0, 2.0, 12.0, 12.0]]], requires_grad=True)
    crops = crop_regions(torch.randn(1, 3, 16, 16, requires_grad=True), boxes, 8)
    crops.sum().backward()  # type: ignore[no-untyped-call]
    assert boxes.grad is None
