"""The boxcar crop against slow loops, and its gradients against finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fieldmark.layers.regions.boxcar import boxcar_crop, boxcar_mask


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def slow_mask(box: list[float], height: int, width: int, k: float) -> Tensor:
    x1, y1, x2, y2 = box
    mask = torch.zeros(height, width, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5, row + 0.5
            across = logistic(k * (x - x1)) - logistic(k * (x - x2))
            mask[row, column] = across * (logistic(k * (y - y1)) - logistic(k * (y - y2)))
    return mask


def slow_crop(image: Tensor, box: list[float], side: int, k: float) -> Tensor:
    """Bilinear interpolation of the masked image at the centres of side x side equal cells of the box."""
    channels, height, width = image.shape
    masked = image * slow_mask(box, height, width, k)
    crop = torch.zeros(channels, side, side, dtype=torch.float64)
    for i in range(side):
        for j in range(side):
            x = box[0] + (j + 0.5) / side * (box[2] - box[0]) - 0.5  # in steps from the first pixel's centre
            y = box[1] + (i + 0.5) / side * (box[3] - box[1]) - 0.5
            x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
            left, top = int(x), int(y)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            a, b = x - left, y - top
            upper = (1 - a) * masked[:, top, left] + a * masked[:, top, right]
            lower = (1 - a) * masked[:, bottom, left] + a * masked[:, bottom, right]
            crop[:, i, j] = (1 - b) * upper + b * lower
    return crop


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 2, 9, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def boxes() -> Tensor:
    rows = [[1.3, 2.1, 7.9, 8.2], [0.0, 0.0, 11.0, 9.0], [4.6, 3.7, 6.2, 5.4]]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("k", [0.7, 10.0])
def test_mask_and_crop_are_those_of_the_loops(images: Tensor, boxes: Tensor, k: float) -> None:
    masks, crops = boxcar_mask(boxes, (9, 11), k), boxcar_crop(images, boxes, 5, k)
    for number, box in enumerate(boxes.tolist()):
        torch.testing.assert_close(masks[number], slow_mask(box, 9, 11, k))
        torch.testing.assert_close(crops[number], slow_crop(images[number], box, 5, k))


def test_the_mask_is_one_inside_and_zero_outside() -> None:
    mask = boxcar_mask(torch.tensor([[8.0, 4.0, 24.0, 20.0]]), (32, 32))[0]
    assert (mask[5:19, 9:23] > 0.99).all()
    outside = mask.clone()
    outside[3:21, 7:25] = 0
    assert outside.max() < 1e-4


def test_gradients_are_those_of_finite_differences(images: Tensor) -> None:
    squares = torch.tensor([[0.47, 0.52, 0.31], [0.43, 0.61, 0.27], [0.5, 0.5, 0.4]], dtype=torch.float64)

    def crop(image: Tensor, tx: Tensor, ty: Tensor, tl: Tensor) -> Tensor:
        boxes = torch.stack([11 * (tx - tl), 9 * (ty - tl), 11 * (tx + tl), 9 * (ty + tl)], 1)
        return boxcar_crop(image, boxes, 4, sharpness=3.0)

    inputs = [images.requires_grad_(True), *(each.clone().requires_grad_(True) for each in squares.unbind(1))]
    assert torch.autograd.gradcheck(crop, inputs)


def test_place_and_size_get_gradients_at_the_sharpness_of_the_paper() -> None:
    images = torch.rand(1, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for place in torch.linspace(0.4, 0.6, 7).tolist():
        square = torch.tensor([[place, 1 - place, 0.3]], dtype=torch.float64, requires_grad=True)
        boxes = 64 * torch.cat([square[:, :2] - square[:, 2:], square[:, :2] + square[:, 2:]], 1)
        mask = boxcar_mask(boxes, (64, 64), 10.0)
        (slope,) = torch.autograd.grad((mask * images.mean(1)).sum(), square)
        assert (slope.abs() > 1e-3).all()


def test_the_whole_photo_stays_as_it_is() -> None:
    images = torch.rand(2, 3, 16, 16)
    whole = torch.tensor([[0.0, 0.0, 16.0, 16.0]]).expand(2, 4)
    crop = boxcar_crop(images, whole, 16)
    torch.testing.assert_close(crop[:, :, 1:-1, 1:-1], images[:, :, 1:-1, 1:-1])
    torch.testing.assert_close(crop, images, rtol=0.02, atol=0)  # the slope of the mask takes half a percent at the rim
