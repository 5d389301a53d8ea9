"""``transfg``: a vision transformer whose last layer reads only the patches that its class token attended to most.

Source: He, Chen, Liu, Kortylewski, Yang, Bai, Wang, Yuille, "TransFG: a transformer architecture for fine-grained
recognition" (AAAI 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.overlapping_patches import overlap_patches, patch_boxes
from fieldmark.layers.attention.attention_rollout import class_token_rollout, recorded_projections
from fieldmark.layers.attention.frozen_block import held_constant
from fieldmark.layers.margin_contrast import margin_contrast
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["TransFG"]


@dataclass(slots=True, kw_only=True)
class TransFGFeatures(LocalFeatures):
    """The tokens that enter the last layer.

    Attributes:
        prefix: (B, P, C), the class token and register tokens.
        selected: (B, heads), the patch that each head selects, the most attended first.
    """

    prefix: Tensor
    selected: Tensor


@register_method("transfg")
class TransFG(Method):
    """Overlapping patches; each head's most attended patch goes into the last layer with the class token.

    Args:
        backbone: A `VisionTransformer` of timm with a class token; its patches are made to overlap.
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: The backbone is no such transformer, or `patch_stride` exceeds its patch size.
    """

    class Settings(GradientSettings):
        """A vision transformer whose last layer reads the patches that were attended to most."""

        method: Literal["transfg"] = "transfg"
        label_smoothing: float = Field(0.0, ge=0, lt=1, description="probability that is spread over the other classes")
        patch_stride: int | None = Field(
            None, ge=1, description="pixels from patch to patch; three quarters of the patch size by default"
        )
        contrast_weight: float = Field(1.0, ge=0, description="weight of the contrastive loss")
        contrast_margin: float = Field(
            0.4, ge=-1, le=1, description="cosine similarity of photos of two classes that costs nothing"
        )

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        patch_stride: int | None,
        contrast_weight: float,
        contrast_margin: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        overlap_patches(backbone, patch_stride)
        self.contrast_weight, self.contrast_margin = contrast_weight, contrast_margin
        self.register_buffer("boxes", torch.tensor(patch_boxes(backbone), dtype=torch.float32), persistent=False)
        self.head = nn.Linear(backbone.channels, num_classes)

    boxes: Tensor

    @property
    def transformer(self) -> Any:
        """The backbone's `VisionTransformer`."""
        return self.backbone.model

    def local_features(self, images: Tensor) -> TransFGFeatures:
        """Compute the tokens after the last layer but one, and select a patch for each head.

        Raises:
            SettingError: The images have another size than the backbone was built for.
        """
        self.backbone.check_built_size(images)
        model = self.transformer
        blocks = list(model.blocks)[:-1]
        attentions = [block.attn for block in blocks]
        tokens = model.norm_pre(model.patch_drop(model._pos_embed(model.patch_embed(images))))
        with recorded_projections(attentions) as projections:
            for block in blocks:
                tokens = block(tokens)
        count = int(model.num_prefix_tokens)
        rollout = class_token_rollout(attentions, projections)[:, :, count:]  # (B, heads, patches)
        strength, selected = rollout.max(2)
        selected = selected.gather(1, strength.argsort(1, descending=True))
        grid = model.patch_embed.grid_size
        feature_map = tokens[:, count:].transpose(1, 2).reshape(-1, self.backbone.channels, *grid)
        return TransFGFeatures(
            [LocalMap(feature_map)],
            attention_maps=rollout.reshape(-1, int(rollout.shape[1]), *grid),
            feature_map=feature_map,
            regions=self.boxes[selected],
            prefix=tokens[:, :count],
            selected=selected,
        )

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and the class token behind the last layer, (B, C)."""
        assert isinstance(features, TransFGFeatures)
        model = self.transformer
        patches = features.maps[0].features.flatten(2).transpose(1, 2)  # (B, patches, C)
        index = features.selected[:, :, None].expand(-1, -1, patches.shape[2])
        tokens = torch.cat([features.prefix.to(patches.dtype), patches.gather(1, index)], 1)
        last = model.blocks[-1]
        with held_constant(last, (model.norm, model.fc_norm)):
            embedding = model.fc_norm(model.norm(last(tokens))[:, 0])
        return ModelOutput(
            self.head(embedding), embedding, features.attention_maps, features.feature_map, features.regions
        )

    @property
    def evidence_note(self) -> str:
        return (
            "what the selected patches add in the last layer, exactly, with attention, norms and activations fixed; "
            "what the class token gathered before belongs to no place"
        )

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the cross-entropy plus the weighted contrastive loss of the class tokens.

        With class probabilities (B, K), the most probable class decides which photos are of one class.
        """
        classes = labels if labels.ndim == 1 else labels.argmax(1)
        contrast = margin_contrast(output.embedding, classes, self.contrast_margin)
        loss = super().loss(output, labels, label_smoothing=label_smoothing)
        return loss + self.contrast_weight * contrast
