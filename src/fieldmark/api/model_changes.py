"""The verbs of a trained model that change its folder: known photos, enrolled classes, feedback, generations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fieldmark.recognizer.predictor import Predictor

if TYPE_CHECKING:
    from fieldmark.artifact.correction import Correction
    from fieldmark.artifact.history import Generation
    from fieldmark.recognizer.enroll import Enrolment
    from fieldmark.recognizer.feedback import Feedback
    from fieldmark.scale.fill_gallery import GalleryGrowth

__all__ = ["ModelChanges"]


class ModelChanges(Predictor):
    """A trained model whose folder can be changed. After each change it answers with the new generation.

    Each verb imports what it needs when it is called.
    """

    def add_known_photos(
        self, embeddings: str | Path, *, label_col: str | None = None, by_folder: bool = False
    ) -> GalleryGrowth:
        """Add photos to the gallery of the model from the embeddings that ``fieldmark embed`` wrote with it.

        Args:
            embeddings: The folder, address or Lance table.
            label_col: The column that names the class, where it has no usual name.
            by_folder: Whether the folder of each photo names its class.

        Raises:
            FieldmarkError: The embeddings are not those of the model, or no column names the class.
        """
        from fieldmark.scale.fill_gallery import add_known_photos

        growth = add_known_photos(self.path, str(embeddings), label_col=label_col, by_folder=by_folder)
        self._reload()
        return growth

    def enroll(self, label: str, photos: Sequence[str | Path]) -> Enrolment:
        """Add a class to the model from its photos, without training.

        Args:
            label: Name of the new class.
            photos: One to five of them, or more.

        Raises:
            FieldmarkError: The class or its photos cannot be added; the model stays as it was.
        """
        from fieldmark.recognizer.enroll import enroll

        enrolment = enroll(self.path, label, photos)
        self._reload()
        return enrolment

    def unenroll(self, label: str) -> None:
        """Remove an enrolled class; the answers are then those from before.

        Raises:
            SettingError: There is no enrolled class of that name.
        """
        from fieldmark.recognizer.enroll import unenroll

        unenroll(self.path, label)
        self._reload()

    def correct(self, photo: str | Path | bytes, label: str) -> Correction:
        """Add a photo with its correct class to the feedback list of the model. The last correction of a photo counts.

        Args:
            photo: A file or its bytes; the model folder keeps a JPEG of it without metadata.
            label: The correct class, one of the model's or a new one.

        Raises:
            FieldmarkError: The photo or the name cannot be used, or the list is full; the model stays as it was.
        """
        from fieldmark.recognizer.feedback import correct

        made = correct(self, photo, label)
        self._reload()
        return made

    def feedback(self) -> list[Feedback]:
        """Return the feedback list of the model, the newest correction first."""
        from fieldmark.recognizer.feedback import list_feedback

        return list_feedback(self.path)

    def remove_feedback(self, *ids: str) -> None:
        """Remove corrections from the feedback list; without ids all of them.

        Raises:
            SettingError: There is no such correction.
        """
        from fieldmark.recognizer.feedback import remove_feedback

        remove_feedback(self.path, ids or None)
        self._reload()

    def versions(self) -> list[Generation]:
        """Return the generations of the model folder that are still there, the newest first.

        Raises:
            ModelError: The model is an exported file, or its manifest cannot be read.
        """
        from fieldmark.artifact.history import versions

        return versions(self.path)

    def rollback(self, number: int | None = None) -> None:
        """Go back to an earlier generation of the model. Roll back again to undo it.

        Args:
            number: Of the generation, as `versions` lists it; None for the one before the current one.

        Raises:
            SettingError: There is no such generation.
            ModelError: Files of that generation are damaged; the model stays as it was.
        """
        from fieldmark.artifact.history import rollback

        rollback(self.path, number)
        self._reload()

    def _reload(self) -> None:
        """Read the model folder again."""
        fresh = type(self)(self.path, device=self._device)
        self.__dict__.clear()
        self.__dict__.update(fresh.__dict__)
