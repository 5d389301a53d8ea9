"""The dense detector: its anchor boxes, its targets, and that it learns to find what it is shown."""

from __future__ import annotations

import torch
from torchvision.ops import box_iou

from fieldmark.layers.regions.part_detector import RATIOS, SIDES, PartDetector, anchor_grid


def test_anchor_boxes_sit_on_the_centres_of_the_cells() -> None:
    boxes = anchor_grid((64, 32), (2, 4))
    shapes = len(SIDES) * len(RATIOS)
    assert boxes.shape == (2 * 4 * shapes, 4)
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2).reshape(2, 4, shapes, 2)
    expected = torch.stack(torch.meshgrid(torch.tensor([8.0, 24.0]), torch.arange(4) * 16 + 8.0, indexing="ij"), -1)
    assert torch.equal(centres, expected.flip(-1)[:, :, None].expand_as(centres))


def test_the_order_of_the_scores_is_that_of_the_anchor_boxes() -> None:
    detector = PartDetector([4], 2)
    shapes = len(SIDES) * len(RATIOS)
    output = torch.arange(shapes * 2 * 3 * 5).reshape(1, shapes * 2, 3, 5)
    flat = detector._by_anchor(output, 1)[..., 0]
    for thing, row, column, shape in ((0, 0, 0, 0), (1, 2, 4, 7), (0, 1, 3, shapes - 1)):
        assert flat[0, thing, (row * 5 + column) * shapes + shape] == output[0, shape * 2 + thing, row, column]


def test_missing_parts_and_unmarked_photos() -> None:
    detector = PartDetector([4], 2)
    detections = detector(detector.pyramid([torch.randn(2, 4, 6, 6)]), (96, 96))
    truth = torch.full((2, 2, 4), torch.nan)
    assert detector.loss(detections, truth) == 0  # without an object nothing is known
    truth[0, 0] = torch.tensor([10.0, 10.0, 70.0, 80.0])
    wanted, counts = detector._targets(detections.anchors, truth)
    assert wanted[0, 0].any()
    assert not wanted[0, 1].any()  # the missing part is to be found nowhere ...
    assert counts[0, 1].all()  # ... and that counts
    assert not counts[1].any()
    overlaps = box_iou(truth[0, :1], detections.anchors)[0]
    assert (overlaps[wanted[0, 0]] >= 0.5).all()


def test_it_learns_where_two_things_lie() -> None:
    torch.manual_seed(0)
    detector = PartDetector([2], 2, width=16)
    truth = torch.tensor([[[8.0, 8.0, 72.0, 64.0], [16.0, 16.0, 40.0, 36.0]]])
    maps = torch.zeros(1, 2, 6, 6)
    maps[0, 0, 0:4, 0:5], maps[0, 1, 1, 1] = 1.0, 1.0
    optimizer = torch.optim.AdamW(detector.parameters(), lr=1e-2)
    for _ in range(60):
        loss = detector.loss(detector(detector.pyramid([maps]), (96, 96)), truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        boxes, scores = detector.candidates(detector(detector.pyramid([maps]), (96, 96)), 5)
    assert boxes.shape == (1, 2, 5, 4)
    assert torch.equal(scores, scores.sort(2, descending=True).values)
    overlap = torch.stack([box_iou(boxes[0, thing, :1], truth[0, thing : thing + 1])[0, 0] for thing in range(2)])
    assert (overlap > 0.7).all(), overlap
    kept = boxes[0, 0][scores[0, 0] > 0]
    assert (box_iou(kept, kept).triu(1) <= 0.7).all()  # nearly the same box comes once
