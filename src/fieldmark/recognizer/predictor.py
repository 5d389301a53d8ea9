"""The class that answers, without torch. `fieldmark.Recognizer` adds the verbs of the rooms above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from PIL import Image

from fieldmark.artifact.card import write_card
from fieldmark.artifact.exported import is_exported, open_exported
from fieldmark.artifact.load import load_manifest, load_split
from fieldmark.calibration.member_fusion import fuse
from fieldmark.errors import ModelError, SettingError
from fieldmark.openset.gallery import Gallery, Neighbour
from fieldmark.openset.open_set_classifier import OpenSetClassifier, OpenSetResult
from fieldmark.openset.unknown_scores import Evidence
from fieldmark.recognizer.answer import compose, compose_specimen
from fieldmark.recognizer.graphs import FusedGraph, MemberGraphs, Reader, Reading
from fieldmark.recognizer.inputs import PhotoInput, is_single
from fieldmark.recognizer.predictions import Embeddings, Scores
from fieldmark.recognizer.run_photos import Floats, run_all, run_in_batches
from fieldmark.structures import Answer, Record
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees, load_guarantees

if TYPE_CHECKING:
    from fieldmark.artifact.load import SplitRow

__all__ = ["Embeddings", "Predictor", "Scores", "fuse"]


class Predictor:
    """A trained model that answers through ONNX Runtime: the base of `fieldmark.Recognizer`.

    Args:
        model: The model folder, or an ONNX file that ``fieldmark export`` wrote.

    Attributes:
        path: What was given.
        folder: The model folder; of an ONNX file, the folder that its small files were unpacked to.
        manifest: What is known of the model.
        reader: Runs the graphs.
        judge: Tells newcomers and the unknown.
        trust: Makes sets and ranks.

    Raises:
        ModelError: There is no model, it is damaged, or it comes from a newer Fieldmark.
    """

    def __init__(self, model: str | Path) -> None:
        self.path = Path(model)
        self._exported = open_exported(self.path) if is_exported(self.path) else None
        if self._exported is None:
            self.folder, self.manifest = self.path, load_manifest(self.path)
            self.reader: Reader = MemberGraphs(self.folder, self.manifest)
        else:
            self.folder, self.manifest = self._exported.folder, self._exported.manifest
            self.reader = FusedGraph(self._exported.runner, self._exported.squares)
        self.judge = OpenSetClassifier(self.folder, self.manifest)
        self.trust: Guarantees = load_guarantees(self.folder, self.manifest, self.judge.labels)

    @property
    def is_exported(self) -> bool:
        """Whether it is an ONNX file rather than a model folder."""
        return self._exported is not None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; those that were enrolled come last."""
        return (*self.manifest.classes, *self.judge.labels)

    @cached_property
    def gallery(self) -> Gallery:
        """The known photos.

        Raises:
            ModelError: The model has none, or it cannot be opened.
        """
        if self.is_exported:
            raise ModelError(f"an exported file such as {self.path} holds no gallery: name the model folder instead")
        if self.manifest.gallery is None:
            raise ModelError(f"the model {self.folder} has no gallery: fit it again with this Fieldmark")
        return Gallery(self.manifest.gallery, self.folder)

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.classes)}

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return write_card(self.manifest)

    def split(self) -> list[SplitRow]:
        """Which photo was in which split when the model was made."""
        return load_split(self.folder, self.manifest)

    @overload
    def predict(
        self,
        photos: str | Path | bytes | Image.Image,
        *,
        top_k: int = 5,
        coverage: float | None = None,
        confidence: float | None = None,
    ) -> Answer: ...

    @overload
    def predict(
        self,
        photos: Sequence[PhotoInput],
        *,
        top_k: int = 5,
        coverage: float | None = None,
        confidence: float | None = None,
    ) -> list[Answer]: ...

    @overload
    def predict(
        self,
        photos: PhotoInput,
        *,
        top_k: int = 5,
        coverage: float | None = None,
        confidence: float | None = None,
    ) -> Answer | list[Answer]: ...

    def predict(
        self,
        photos: PhotoInput | Sequence[PhotoInput],
        *,
        top_k: int = 5,
        coverage: float | None = None,
        confidence: float | None = None,
    ) -> Answer | list[Answer]:
        """Answer for one photo or several.

        Args:
            photos: Paths, PIL images, bytes, uint8 arrays (H, W, 3), tensors (3, H, W) in [0, 1]; one, a sequence
                of them, or a batch as an array or tensor of 4 axes.
            top_k: Candidates in an answer.
            coverage: Share of the candidate sets that shall hold the truth; the model's own for None.
            confidence: Share of answers that shall be right at their rank: an answer climbs to the lowest ancestor
                that is sure enough. The model's own for None; models hold none unless they were fitted with one.

        Returns:
            One `Answer` for one photo, a list in the order of the photos otherwise. A photo that cannot be read
            gives an answer with `error` and no candidates.

        Raises:
            SettingError: A level does not lie between 0 and 1, or the model cannot vouch for that coverage.
        """
        single = is_single(photos)
        several = [photos] if single else list(photos)
        answers = self.answers(several, top_k=top_k, coverage=coverage, confidence=confidence)
        return next(answers) if single else list(answers)

    def answers(
        self,
        photos: Sequence[PhotoInput],
        *,
        top_k: int = 5,
        coverage: float | None = None,
        confidence: float | None = None,
    ) -> Iterator[Answer]:
        """Answers in the order of the photos, as they come.

        Raises:
            SettingError: `top_k` is below 1, or a level is none that the model can keep.
        """
        return self._answers(photos, self._wanted(top_k, coverage, confidence))

    def predict_specimen(
        self,
        photos: Sequence[PhotoInput],
        *,
        group: str | None = None,
        top_k: int = 5,
        coverage: float | None = None,
        confidence: float | None = None,
    ) -> Answer:
        """One answer from several photos of one specimen. Those that cannot be read are left out.

        Args:
            photos: At least one.
            group: Name of the specimen, for the answer.
            top_k: Candidates in the answer.
            coverage: See `predict`.
            confidence: See `predict`.

        Returns:
            The answer, with `photos` those it is of; one with `error` where none can be read.

        Raises:
            SettingError: There are no photos, or a level is none that the model can keep.
        """
        wanted = self._wanted(top_k, coverage, confidence)
        if not len(photos):
            raise SettingError("expected the photos of a specimen, but got none; give at least one")
        scores = self.scores(photos)
        good = [position for position in range(len(photos)) if position not in scores.errors]
        if not good:
            return Answer(None, error=scores.errors[0], group=group)
        unknown = [_is_unknown(scores.known[position]) for position in good]
        paths = [_path_of(photos[position]) for position in good]
        rows = scores.probabilities[good]
        return compose_specimen(self.trust, self.classes, paths, group, rows, unknown, wanted)

    def _wanted(self, top_k: int, coverage: float | None, confidence: float | None) -> AnswerOptions:
        if top_k < 1:
            raise SettingError(f"the number of candidates must be at least 1, but is {top_k}")
        wanted = AnswerOptions(top_k, coverage, confidence)
        self.trust.demand(wanted)
        return wanted

    def _answers(self, photos: Sequence[PhotoInput], wanted: AnswerOptions) -> Iterator[Answer]:
        for positions, judged, errors in run_in_batches(photos, self._run, self.reader.draft_side):
            rows = dict(zip(positions, judged, strict=True))
            for position in sorted([*rows, *errors]):
                path = _path_of(photos[position])
                if position in errors:
                    yield Answer(path, error=errors[position])
                else:
                    row = rows[position]
                    yield compose(self.trust, self.classes, path, row[:-1], _is_unknown(row[-1]), wanted)

    def scores(self, photos: Sequence[PhotoInput], description: str = "recognizing") -> Scores:
        """Calibrated probabilities of every class for many photos."""
        table, errors = run_all(photos, self._run, self.reader.draft_side, description)
        rows = np.full((len(photos), len(self.classes) + 1), np.nan) if table is None else table
        return Scores(rows[:, :-1], errors, rows[:, -1])

    def nearest(self, photos: Sequence[PhotoInput], k: int = 5) -> tuple[list[list[Neighbour]], dict[int, str]]:
        """The nearest known photos of each photo, and position -> why a photo cannot be read.

        Raises:
            SettingError: `k` is below 1.
            ModelError: The model has no gallery.
        """
        if k < 1:
            raise SettingError(f"the number of neighbours must be at least 1, but is {k}")
        gallery = self.gallery
        found = self.embeddings(photos, "searching")
        good = [position for position in range(len(photos)) if position not in found.errors]
        neighbours: list[list[Neighbour]] = [[] for _ in photos]
        if good:
            vectors = self.judge.memory.projection(found.vectors[good])
            for position, near in zip(good, gallery.search(vectors, k), strict=True):
                neighbours[position] = near
        return neighbours, found.errors

    def evidence(
        self, photos: Sequence[PhotoInput], description: str = "recognizing"
    ) -> tuple[Evidence, OpenSetResult, dict[int, str]]:
        """What the scores of being known are made of, and the judgement by them.

        Returns:
            Both for the readable photos alone, in their order, and position -> why a photo cannot be read.

        Raises:
            ModelError: The model remembers no photos.
        """
        memory, count = self.judge.memory, len(self.manifest.classes)
        table, errors = run_all(
            photos, lambda images: self.reader.read(images).joined(), self.reader.draft_side, description
        )
        good = [position for position in range(len(photos)) if position not in errors]
        rows = np.zeros((0, 2 * count + memory.projection.mean.size)) if table is None else table[good]
        reading = Reading.parted(rows, count)
        vectors = memory.projection(reading.embeddings)
        judged = self.judge(reading.probabilities, reading.logits, reading.embeddings)
        evidence = Evidence(reading.probabilities, reading.logits, vectors, memory.landmarks, memory.statistics)
        return evidence, judged, errors

    def embeddings(self, photos: Sequence[PhotoInput], description: str = "embedding") -> Embeddings:
        """Embeddings of many photos by the first member: the mean over its views, at unit length.

        Where no photo can be read, D is 0.
        """
        table, errors = run_all(photos, self.reader.embed, self.reader.draft_side, description)
        vectors = np.zeros((len(photos), 0)) if table is None else table
        return Embeddings(vectors.astype(np.float32), errors)

    def judged(self, images: Sequence[Image.Image]) -> OpenSetResult:
        """Probabilities of all classes, and how far each of the images, upright and RGB, is known."""
        reading = self.reader.read(images)
        return self.judge(reading.probabilities, reading.logits, reading.embeddings)

    def _run(self, images: Sequence[Image.Image]) -> Floats:
        """`judged` as one array, with how far the photo is known in the last column: (n, K + m + 1)."""
        judged = self.judged(images)
        return np.concatenate([judged.probabilities, judged.known[:, None]], 1)


def _is_unknown(known: float) -> bool | None:
    return None if np.isnan(known) else bool(known < 0)


def _path_of(photo: PhotoInput) -> str | None:
    if isinstance(photo, Record):
        return str(photo.path)
    return str(photo) if isinstance(photo, str | Path) else None
