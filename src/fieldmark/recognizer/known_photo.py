"""Where a known photo of a model lies on disk."""

from __future__ import annotations

from pathlib import Path

from fieldmark.data.feedback_photo import is_feedback_photo
from fieldmark.errors import ModelError
from fieldmark.recognizer.predictor import Predictor

__all__ = ["ENROLLED", "enrolled_path", "known_photo"]

ENROLLED = "enrolled"
"""Folder of the model in which the server keeps uploaded photos of enrolled classes."""


def enrolled_path(predictor: Predictor, photo: Path) -> str:
    """Return the gallery's path of an enrolled photo, which tells nothing of this computer's folders.

    It is relative to the photos of the model where the photo lies among them. Any other photo is ``enrolled/NAME``; of
    these, pages show those that lie in that folder of the model.
    """
    source = predictor.data_place
    folder = (source if source.is_dir() else source.parent).resolve()
    place = photo.resolve()
    return place.relative_to(folder).as_posix() if place.is_relative_to(folder) else f"{ENROLLED}/{photo.name}"


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
    kept = is_feedback_photo(path) or (path.startswith(f"{ENROLLED}/") and (predictor.folder / path).is_file())
    place = ((predictor.folder if kept else folder) / path).resolve()
    if not any(place.is_relative_to(allowed.resolve()) for allowed in (folder, predictor.folder)):
        raise ModelError("the gallery's photo does not lie in the folder of the photos, and is not shown")
    return place
