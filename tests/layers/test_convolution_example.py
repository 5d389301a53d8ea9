"""The convolution that every layer here builds on, by its textbook example."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def test_a_3x3_image_under_a_2x2_kernel() -> None:
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    kernel = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    slow = [[float((image[i : i + 2, j : j + 2] * kernel).sum()) for j in range(2)] for i in range(2)]
    assert slow == [[6, 8], [12, 14]]
    assert F.conv2d(image[None, None], kernel[None, None])[0, 0].tolist() == slow
