"""The parts of ``fieldmark.json`` about what a model remembers of its photos."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["EnrolledFacts", "GalleryFacts", "Gate", "UnknownFacts"]


class UnknownFacts(BaseModel):
    """How a photo of none of the classes is told.

    Attributes:
        score: Name in `KNOWN_SCORES`; a photo is unknown where its score lies below `threshold`.
        threshold: The `1 - kept` quantile of the val photos' scores.
        kept: Share of known photos that shall stay known.
        val_photos: How many the threshold was fitted on.
        scales: Score -> (center, scale) on val, for the scores that are sums of others.
        simulated: Score -> mean AUROC over the draws that left whole classes out.
    """

    model_config = ConfigDict(extra="allow")

    score: str
    threshold: float
    kept: float = Field(gt=0, lt=1)
    val_photos: int
    scales: dict[str, tuple[float, float]] = Field(default_factory=dict)
    simulated: dict[str, float] = Field(default_factory=dict)


class Gate(BaseModel):
    """When a photo is a newcomer's: sigmoid(discriminant * f + similarity * g + bias), for a number of enrolled photos.

    Attributes:
        shots: Photos that the newcomer was enrolled from; the last gate of the list serves for more.
        discriminant: Weight on the linear-discriminant score of the newcomer minus that of the best old class.
        similarity: Weight on the cosine to the newcomer's mean minus that to the nearest old mean.
        simulated_recall: Share of photos of a class enrolled in simulation that were given to it.
        simulated_loss: Share of photos of other classes whose right answer one simulated newcomer took.
    """

    shots: int = Field(ge=1)
    discriminant: float
    similarity: float
    bias: float
    simulated_recall: float
    simulated_loss: float


class GalleryFacts(BaseModel):
    """Where the embeddings of the known photos lie.

    Attributes:
        uri: A folder inside the model, or any URI that LanceDB opens.
        table: Name of the table there.
        version: The state of the table that belongs to this model.
        rows: Photos in it.
        key: Of the projection that made the vectors; a table of another model has another one.
    """

    uri: str
    table: str
    version: int
    rows: int
    key: str


class EnrolledFacts(BaseModel):
    """A class that joined after training.

    Attributes:
        photos: How many it was enrolled from.
        file: safetensors file in the folder with their ``vectors`` (n, d).
    """

    label: str
    photos: int
    file: str
