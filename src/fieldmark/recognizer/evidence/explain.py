"""Which two classes an explanation is about, and the photo that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fieldmark.data.preprocess import Preprocess
from fieldmark.data.views import view_side
from fieldmark.errors import ModelError, PhotoError, SettingError, unknown_name
from fieldmark.recognizer.evidence.evidence import Evidence
from fieldmark.recognizer.photo_inputs import PhotoInput, to_image
from fieldmark.structures import Record

if TYPE_CHECKING:
    from fieldmark.recognizer.recognizer import Recognizer

__all__ = ["chosen_pair", "explain_photo"]


def explain_photo(recognizer: Recognizer, photo: PhotoInput, against: str | None) -> Evidence:
    """See `Recognizer.explain`."""
    if recognizer.is_exported:
        raise ModelError(
            f"an exported file such as {recognizer.path} holds no layers to look into: name the model folder instead"
        )
    photo = photo.read() if hasattr(photo, "read") else photo  # it is read more than once
    scores = recognizer.scores([photo])
    if scores.errors:
        raise PhotoError(scores.errors[0])
    trained = recognizer.manifest.classes
    label, other = chosen_pair(scores.probabilities[0], recognizer.classes, len(trained), against)
    side = max(view_side(Preprocess.from_dict(facts.preprocess), facts.views) for facts in recognizer.manifest.members)
    path = photo.path if isinstance(photo, Record) else photo
    return recognizer.explainer(
        to_image(photo, draft=(side, side)),
        to_image(photo).size,
        str(path) if isinstance(path, str | Path) else None,
        label,
        other,
    )


def chosen_pair(
    probabilities: NDArray[np.floating], classes: Sequence[str], trained: int, against: str | None
) -> tuple[int, int]:
    """Indices of the winner and of the class that it is held against.

    Raises:
        SettingError: They are no two trained classes.
    """
    order = np.argsort(-probabilities, kind="stable").tolist()
    winner = order[0]
    if against is None:
        other = next(index for index in order[1:] if index < trained)
    elif against not in classes:
        raise unknown_name("class", against, classes)
    else:
        other = classes.index(against)
    if other == winner:
        raise SettingError(
            f"expected a class to hold the winner '{against}' against, but got the winner itself: "
            "name another one, or leave it out for the runner-up"
        )
    for index in (winner, other):
        if index >= trained:
            raise SettingError(
                f"expected two classes that the model was trained on, but '{classes[index]}' was enrolled later and "
                "is told by its likeness to its photos, which is in no place: fit again with it for a map"
            )
    return winner, other
