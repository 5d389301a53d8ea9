"""``cbam``: attention over channels and places, or only over channels, after the backbone.

Source: Woo, Park, Lee, Kweon, "CBAM: convolutional block attention module" (ECCV 2018); Hu, Shen, Sun,
"Squeeze-and-excitation networks" (CVPR 2018).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import unknown_name
from fieldmark.layers.attention.channel_spatial import BlockAttention, ChannelAttention
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["AttentionMethod"]


@register_method("cbam")
class AttentionMethod(Method):
    """The final feature map, weighted, averaged over places; a linear layer. Trained end to end.

    Args:
        backbone: Its final map is weighted.
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: There is no such attention.
    """

    class Settings(GradientSettings):
        """Attention over channels and places after the backbone."""

        method: Literal["cbam"] = "cbam"
        attention: Literal["cbam", "se"] = Field(
            "cbam", description="cbam weighs channels and places, se only channels and has no attention maps"
        )
        reduction: int = Field(
            16, ge=1, description="the network that weighs C channels has C / reduction hidden units"
        )
        dropout: float = Field(0.2, ge=0, lt=1, description="dropout on the embedding")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        attention: str,
        reduction: int,
        dropout: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        if attention == "cbam":
            self.attention: nn.Module = BlockAttention(backbone.channels, reduction)
        elif attention == "se":
            self.attention = ChannelAttention(backbone.channels, reduction, pools=("avg",))
        else:
            raise unknown_name("attention", attention, ["cbam", "se"])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(backbone.channels, num_classes)

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the weighted map (B, C, H, W) and the attention maps (B, 1, H, W)."""
        feature_map = self.backbone(images)
        if isinstance(self.attention, BlockAttention):
            weighted, places = self.attention(feature_map)
        else:
            weighted, places = feature_map * self.attention(feature_map), None
        return LocalFeatures([LocalMap(weighted)], attention_maps=places, feature_map=weighted)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and embedding (B, C)."""
        embedding = features.maps[0].features.mean((2, 3))
        logits = self.head(self.dropout(embedding))
        return ModelOutput(logits, embedding, features.attention_maps, features.feature_map)

    @property
    def evidence_note(self) -> str:
        return "average under attention: a place's weighted feature times the class's weights, exactly"
