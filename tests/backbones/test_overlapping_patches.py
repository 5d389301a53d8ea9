"""Overlapping patches: the paper's number of tokens, boxes in the image, position embeddings on the new grid."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fieldmark.backbones.factory import Backbone, create_backbone
from fieldmark.backbones.overlapping_patches import overlap_patches, patch_boxes
from fieldmark.errors import SettingError


def vit(name: str = "test_vit", size: int = 64) -> Backbone:
    torch.manual_seed(0)
    return create_backbone(name, image_size=size, pretrained=False).eval()


def test_the_papers_patches() -> None:
    """448 px, patches of 16, a stride of 12: 37 x 37 tokens (section 3.1)."""
    backbone = vit(size=448)
    assert overlap_patches(backbone, 12) == 12
    boxes = patch_boxes(backbone)
    assert len(boxes) == 37 * 37
    assert boxes[0] == (0, 0, 16, 16)
    assert boxes[38] == (12, 12, 28, 28)
    assert boxes[-1] == (432, 432, 448, 448)


@torch.no_grad()
def test_a_token_is_the_embedding_of_its_box() -> None:
    backbone = vit()
    overlap_patches(backbone)
    images = torch.randn(1, 3, 64, 64)
    embed = backbone.model.patch_embed
    found = embed(images).reshape(1, -1, embed.proj.out_channels)
    for token, (x1, y1, x2, y2) in zip(found[0], patch_boxes(backbone), strict=True):
        weights = embed.proj.weight.flatten(1)
        expected = weights @ images[0, :, y1:y2, x1:x2].flatten() + embed.proj.bias
        torch.testing.assert_close(token, embed.norm(expected), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_position_embeddings_are_interpolated() -> None:
    backbone = vit()
    before = backbone.model.pos_embed.clone()  # (1, 1 + 16, C)
    overlap_patches(backbone)
    after = backbone.model.pos_embed
    prefix = before.shape[1] - 16
    assert torch.equal(after[:, :prefix], before[:, :prefix])
    grid = before[:, prefix:].reshape(1, 4, 4, -1).permute(0, 3, 1, 2)
    expected = F.interpolate(grid, size=(5, 5), mode="bicubic", antialias=True, align_corners=False)
    torch.testing.assert_close(after[0, prefix:], expected.flatten(2)[0].T)


def test_without_overlap_nothing_changes() -> None:
    backbone, plain = vit(), vit()
    overlap_patches(backbone, 16)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images), plain(images))


def test_other_backbones_and_strides_are_refused() -> None:
    with pytest.raises(SettingError) as raised:
        overlap_patches(create_backbone("test_resnet", pretrained=False))
    assert str(raised.value) == (
        "transfg needs a vision transformer with a class token, which 'test_resnet' is not: choose a backbone such as "
        "vit_base_patch16_224.augreg_in21k"
    )
    with pytest.raises(SettingError) as raised:
        overlap_patches(vit(), 17)
    assert str(raised.value) == ("patch_stride=17 does not fit 'test_vit' with patches of 16 pixels: choose 1 to 16")
