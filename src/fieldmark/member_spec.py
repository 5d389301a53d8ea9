"""What builds one trained method again, how it reads a photo, and its share of the common answer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import Views
from fieldmark.errors import FieldmarkError

__all__ = ["MemberSpec"]


def _preprocess(value: Any) -> Preprocess:
    """`Preprocess`, also from the dict that ``fieldmark.json`` holds."""
    if isinstance(value, Preprocess):
        return value
    try:
        return Preprocess.from_dict(value)
    except (KeyError, TypeError, FieldmarkError) as error:
        raise ValueError(f"no preprocessing: {error}") from error


class MemberSpec(BaseModel):
    """One of the methods that answer together. Training, the artifact and every reader of it share this record.

    Attributes:
        method: Its name.
        options: What builds it again besides the number of classes: backbone, poolings, …
        preprocess: How a photo becomes its input.
        views: Number of views of a photo that its logits are averaged over; see `fieldmark.data.photos.views`.
        weight: Share of its probabilities in the common answer.
        temperature: Divides its logits before the softmax.
        weights_licences: Backbone -> licence of its pretrained weights; empty in models of old versions.
        history: Figures of each epoch by name (``train_loss``, ``val_loss``, ``val_top1``); empty without epochs.
    """

    model_config = ConfigDict(extra="allow")

    method: str
    options: dict[str, Any]
    preprocess: Annotated[Preprocess, PlainValidator(_preprocess), PlainSerializer(Preprocess.to_dict)]
    views: Views
    weight: float = Field(gt=0)
    temperature: float = Field(gt=0)
    weights_licences: dict[str, str] = Field(default_factory=dict)
    history: dict[str, list[float]] = Field(default_factory=dict)
