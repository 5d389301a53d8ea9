"""What builds one trained method again, how it reads a photo, and its share of the common answer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import Views
from fieldmark.data.photos.zoom import MAX_TILES, Zoom
from fieldmark.errors import FieldmarkError

__all__ = ["MemberSpec", "PreprocessField", "ZoomField"]

_LARGEST = 1e6
"""Numbers of a description are smaller, so that no product of two of them overflows."""


def _preprocess(value: Any) -> Preprocess:
    """`Preprocess`, also from the dict that ``fieldmark.json`` holds."""
    if isinstance(value, Preprocess):
        return value
    try:
        found = Preprocess.from_dict(value)
    except (KeyError, TypeError, FieldmarkError) as error:
        raise ValueError(f"no preprocessing: {error}") from error
    if type(found.image_size) is not int or not (_are_channels(found.mean) and _are_channels(found.std)):
        raise ValueError("no preprocessing: image_size, mean or std is no number")
    if min(found.std) <= 0:
        raise ValueError("no preprocessing: std is not positive")
    return found


def _are_channels(values: Any) -> bool:
    return len(values) == 3 and all(type(value) in (int, float) and abs(value) <= _LARGEST for value in values)


PreprocessField = Annotated[Preprocess, PlainValidator(_preprocess), PlainSerializer(Preprocess.to_dict)]
"""`Preprocess` as a field of a description."""


def _zoom(value: Any) -> Zoom | None:
    """`Zoom`, also from the dict that ``fieldmark.json`` holds."""
    if value is None or isinstance(value, Zoom):
        return value
    try:
        found = Zoom.from_dict(value)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no zoom: {error}") from error
    if not (abs(found.threshold) <= _LARGEST and 0 <= found.margin <= _LARGEST and 0 <= found.tiles <= MAX_TILES):
        raise ValueError("no zoom: threshold, margin or tiles is not possible")
    return found


ZoomField = Annotated[Zoom | None, PlainValidator(_zoom), PlainSerializer(lambda zoom: zoom and zoom.to_dict())]
"""`Zoom` as a field of a description."""


def _modest(options: dict[str, Any]) -> dict[str, Any]:
    """Refuse options that would build a network without end."""
    numbers = [value for value in options.values() if isinstance(value, int | float)]
    if any(abs(number) > _LARGEST for number in numbers):
        raise ValueError("an option is too large")
    return options


class MemberSpec(BaseModel):
    """One of the methods that answer together. Training, the artifact and every reader of it share this record.

    Attributes:
        method: Its name.
        options: What builds it again besides the number of classes: backbone, poolings, …
        preprocess: How a photo becomes its input.
        views: Number of views of the whole photo that its logits are averaged over; see `fieldmark.data.photos.views`.
        zoom: How the zoomed views are cut that join them; None for none.
        weight: Share of its probabilities in the common answer.
        temperature: Divides its logits before the softmax.
        weights_licences: Backbone -> licence of its pretrained weights; empty in models of old versions.
        history: Figures of each epoch by name (``train_loss``, ``val_loss``, ``val_top1``); empty without epochs.
    """

    model_config = ConfigDict(extra="allow")

    method: str = Field(pattern=r"\A[\w.-]{1,64}\z")
    options: Annotated[dict[str, Any], AfterValidator(_modest)]
    preprocess: PreprocessField
    views: Views
    zoom: ZoomField = None
    weight: float = Field(ge=1 / _LARGEST, le=_LARGEST)
    temperature: float = Field(ge=1 / _LARGEST, le=_LARGEST)
    weights_licences: dict[str, str] = Field(default_factory=dict)
    history: dict[str, list[float]] = Field(default_factory=dict)
