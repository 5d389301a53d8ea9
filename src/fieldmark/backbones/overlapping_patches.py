"""Overlapping patches for vision transformers: a stride below the patch size, position embeddings interpolated.

Source: He, Chen, Liu, Kortylewski, Yang, Bai, Wang, Yuille, "TransFG: a transformer architecture for fine-grained
recognition" (AAAI 2022), section 3.1.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import SettingError

__all__ = ["overlap_patches", "patch_boxes"]


def overlap_patches(backbone: Backbone, stride: int | None = None) -> int:
    """Let the patches of a vision transformer overlap. The backbone is changed in place.

    An image of side S has floor((S - P) / stride) + 1 patches of side P along each side; position embeddings are
    interpolated to that grid.

    Args:
        backbone: A `VisionTransformer` of timm with a class token and position embeddings.
        stride: Pixels from patch to patch; three quarters of the patch size by default.

    Returns:
        The stride.

    Raises:
        SettingError: The backbone is something else, or the stride is not between 1 and the patch size.
    """
    from timm.layers.pos_embed import resample_abs_pos_embed

    model = _class_token_transformer(backbone)
    embed = model.patch_embed
    side = int(embed.patch_size[0])
    stride = max(1, 3 * side // 4) if stride is None else stride
    if not 1 <= stride <= side:
        raise SettingError(
            f"patch_stride={stride} does not fit '{backbone.name}' with patches of {side} pixels: choose 1 to {side}"
        )
    model.set_input_size((backbone.built_size, backbone.built_size))  # also where it reads any size
    old = embed.grid_size
    grid = tuple((int(size) - side) // stride + 1 for size in embed.img_size)
    embed.proj.stride = (stride, stride)
    embed.grid_size, embed.num_patches = grid, grid[0] * grid[1]
    prefix = 0 if model.no_embed_class else model.num_prefix_tokens
    resampled = resample_abs_pos_embed(model.pos_embed.detach(), grid, old, num_prefix_tokens=prefix)
    model.pos_embed = nn.Parameter(resampled.contiguous())
    return stride


def patch_boxes(backbone: Backbone) -> list[tuple[int, int, int, int]]:
    """Return the box of each patch in pixels, xyxy, row by row."""
    embed: Any = backbone.model.patch_embed
    side, stride, grid = int(embed.patch_size[0]), int(embed.proj.stride[0]), embed.grid_size
    corners = [(stride * column, stride * row) for row in range(grid[0]) for column in range(grid[1])]
    return [(x, y, x + side, y + side) for x, y in corners]


def _class_token_transformer(backbone: Backbone) -> Any:
    from timm.models.vision_transformer import VisionTransformer

    model: Any = backbone.model
    known = isinstance(model, VisionTransformer) and model.cls_token is not None and model.pos_embed is not None
    if not known or not all(hasattr(getattr(block, "attn", None), "qkv") for block in model.blocks):
        raise SettingError(
            f"transfg needs a vision transformer with a class token, which '{backbone.name}' is not: choose a backbone "
            "such as vit_base_patch16_224.augreg_in21k"
        )
    return model
