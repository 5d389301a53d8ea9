"""Crops are read at the only size that a backbone reads; crops that are too small are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fieldmark.errors import SettingError
from fieldmark.methods.build import build_method

OPTIONS: dict[str, dict[str, Any]] = {
    "nts_net": {"part_size": 8},
    "part_rcnn": {"part_size": 8},
    "ra_cnn": {"crop_size": 8},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_vision_transformer_of_one_size_reads_crops_at_that_size(name: str) -> None:
    method = build_method(name, 3, {"backbone": "vit_tiny_patch16_224"}, 64).eval()
    with torch.no_grad():
        assert method(torch.zeros(1, 3, 64, 64)).logits.shape == (1, 3)


@pytest.mark.parametrize("name", OPTIONS)
def test_crops_below_the_least_size_are_refused_in_one_sentence(name: str) -> None:
    method = build_method(name, 3, {"backbone": "test_convnext", **OPTIONS[name]}, 64).eval()
    with pytest.raises(SettingError) as raised:
        method(torch.zeros(1, 3, 64, 64))
    assert str(raised.value).startswith("backbone 'test_convnext' cannot read crops of 8 pixels (")
    assert str(raised.value).endswith("): choose larger crops, a larger image_size or another backbone")
