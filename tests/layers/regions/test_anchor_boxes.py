"""Anchor boxes: the paper's number, geometry against a slow loop, boxes that meet the photo."""

from __future__ import annotations

import math

import pytest
import torch
from torchvision.ops import clip_boxes_to_image

from fieldmark.layers.regions.anchor_boxes import PAPER_LEVELS, AnchorLevel, anchor_boxes, level_grids


def test_the_paper_has_1614_at_448_pixels() -> None:
    assert anchor_boxes((448, 448), (14, 14)).shape == (1614, 4)


@pytest.mark.parametrize(("side", "sides"), [(14, [14, 7, 4]), (7, [7, 4, 2]), (1, [1, 1, 1])])
def test_each_map_has_half_the_side(side: int, sides: list[int]) -> None:
    assert level_grids((side, 2 * side), 3)[0] == (side, 2 * side)
    assert [height for height, _ in level_grids((side, side), 3)] == sides


def test_geometry_against_a_loop() -> None:
    boxes = iter(anchor_boxes((448, 448), (14, 14)).tolist())
    for stride, side, scales in (
        (32, 14, (2 ** (1 / 3), 2 ** (2 / 3))),
        (64, 7, (2 ** (1 / 3), 2 ** (2 / 3))),
        (128, 4, (1.0, 2 ** (1 / 3), 2 ** (2 / 3))),
    ):
        for row in range(side):
            for column in range(side):
                for scale in scales:
                    for ratio in (2 / 3, 1.0, 3 / 2):
                        x, y = (column + 0.5) * stride, (row + 0.5) * stride
                        height = 1.5 * stride * scale * math.sqrt(ratio)
                        width = 1.5 * stride * scale / math.sqrt(ratio)
                        slow = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
                        assert next(boxes) == pytest.approx(slow, abs=1e-3)
    assert next(boxes, None) is None


def test_a_worked_example() -> None:
    boxes = anchor_boxes((100, 200), (1, 2), [AnchorLevel((1.0,), (1.0,))])
    assert boxes.tolist() == [[-25.0, -25.0, 125.0, 125.0], [75.0, -25.0, 225.0, 125.0]]


def test_shapes_of_a_scale_have_one_area() -> None:
    for level in PAPER_LEVELS:
        areas = [height * width for height, width in level.shapes]
        assert areas == pytest.approx([scale**2 for scale in level.scales for _ in level.ratios])
        assert [height / width for height, width in level.shapes] == pytest.approx([*level.ratios] * len(level.scales))


@pytest.mark.parametrize("side", range(1, 16))
def test_every_box_shows_something_of_the_photo(side: int) -> None:
    boxes = clip_boxes_to_image(anchor_boxes((32 * side, 32 * side), (side, side)), (32 * side, 32 * side))
    assert (boxes[:, 2:] - boxes[:, :2] >= 1).all()


def test_they_grow_with_the_photo() -> None:
    torch.testing.assert_close(2 * anchor_boxes((224, 160), (7, 5)), anchor_boxes((448, 320), (7, 5)))
