"""Evidence for enrolled classes: their score as a linear function of the photo's embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float64s
from fieldmark.openset.enrolled_classes import EnrolmentGate
from fieldmark.openset.open_set_state import OpenSetState

__all__ = ["LinearForm", "likeness_form"]


@dataclass(frozen=True, slots=True)
class LinearForm:
    """Scores (T,) of a photo's embedding (D,): ``weight @ embedding + offset``.

    Attributes:
        weight: (T, D).
        offset: (T,).
    """

    weight: Float64s
    offset: Float64s


def likeness_form(
    state: OpenSetState, gate: EnrolmentGate, means: Sequence[NDArray[np.floating]], embedding: Float64s
) -> LinearForm:
    """What the photo's likeness to each of T classes adds to the odds between them.

    The log-odds of an enrolled class against an old one are a linear discriminant and a cosine, each against that of
    the old class, weighted by the gate (`enrolled_odds`). Both are linear in the photo's unit vector, up to terms that
    are the same for all classes. The lengths by which the vector became one are held at what they are for this photo.

    Args:
        state: Of the model.
        gate: Of the enrolled class.
        means: (d,) of each class.
        embedding: (D,) the photo's, the mean over the views that show all of it.
    """
    projection, whitening = state.projection, state.gaussians.within.astype(np.float64)
    towards, offsets = [], []
    for mean in np.asarray(means, dtype=np.float64):
        pull = whitening @ (whitening @ mean)
        towards.append(gate.discriminant * pull + gate.similarity * mean / max(float(np.linalg.norm(mean)), 1e-12))
        offsets.append(-gate.discriminant * float(mean @ pull) / 2)
    components, center = projection.components.astype(np.float64), projection.mean.astype(np.float64)
    length = max(float(np.linalg.norm(embedding)), 1e-12)
    turned = components @ (embedding / length - center)
    scale = max(float(np.linalg.norm(turned)), 1e-12)
    weight = np.stack(towards) @ components / scale
    return LinearForm(weight / length, np.array(offsets) - weight @ center)
