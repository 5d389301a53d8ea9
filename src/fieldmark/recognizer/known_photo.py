"""Where a known photo of a model lies on disk."""

from __future__ import annotations

from pathlib import Path

from fieldmark.data.feedback_photo import is_feedback_photo
from fieldmark.errors import ModelError
from fieldmark.recognizer.predictor import Predictor

__all__ = ["known_photo"]


def known_photo(predictor: Predictor, path: str, photos: Path | None = None) -> Path:
    """Return the file of a photo that the gallery lists: among the photos of the model, or in the model folder.

    A stranger's gallery may name any file of this computer, and clients must not see it.

    Args:
        predictor: The model.
        path: As in the gallery.
        photos: Folder of the photos; None for the one that the model was made from.

    Raises:
        ModelError: The photo lies elsewhere.
    """
    source = photos or predictor.data_place
    folder = source if source.is_dir() else source.parent
    place = ((predictor.folder if is_feedback_photo(path) else folder) / path).resolve()
    if not any(place.is_relative_to(allowed.resolve()) for allowed in (folder, predictor.folder)):
        raise ModelError("the gallery's photo does not lie in the folder of the photos, and is not shown")
    return place
