"""Maps of vision transformers: patch tokens only, whatever stands before them; position embeddings for any size."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fieldmark.backbones.factory import create_backbone


@pytest.mark.parametrize("name", ["test_vit", "test_vit2", "test_vit3", "test_vit4"])
@torch.no_grad()
def test_class_and_register_tokens_are_left_out_of_maps(name: str) -> None:
    backbone = create_backbone(name, image_size=96, pretrained=False).eval()
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    tokens = backbone.model.forward_features(images)
    assert tokens.shape[1] == 36 + backbone.model.num_prefix_tokens
    assert backbone.model.num_prefix_tokens == 1
    found = backbone(images)
    for place in range(36):
        assert torch.equal(found[:, :, place // 6, place % 6], tokens[:, 1 + place])


@pytest.mark.parametrize("size", [96, 224])
@torch.no_grad()
def test_position_embeddings_are_interpolated_to_the_size(size: int) -> None:
    torch.manual_seed(0)
    native = create_backbone("test_vit", pretrained=False)
    embeddings = native.model.pos_embed
    side = int((embeddings.shape[1] - 1) ** 0.5)
    grid = embeddings[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    expected = F.interpolate(grid, size=(size // 16, size // 16), mode="bicubic", antialias=True, align_corners=False)
    native.model.set_input_size((size, size))
    assert torch.equal(native.model.pos_embed[:, :1], embeddings[:, :1])
    torch.testing.assert_close(native.model.pos_embed[0, 1:], expected.flatten(2)[0].T)
    built = create_backbone("test_vit", image_size=size, pretrained=False)
    assert built.model.pos_embed.shape == native.model.pos_embed.shape
    assert built(torch.zeros(1, 3, size, size)).shape[2:] == (size // 16, size // 16)
