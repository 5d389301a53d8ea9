"""The class that answers photos. `fieldmark.Recognizer` adds the verbs of the higher layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from PIL import Image

from fieldmark.arrays import Floats
from fieldmark.artifact.card import write_card
from fieldmark.artifact.exported import is_exported, open_exported
from fieldmark.artifact.load import SplitRow, load_manifest, load_split
from fieldmark.artifact.load_fitted import load_guarantees, load_open_set
from fieldmark.backbones.runners.device import Device
from fieldmark.errors import ModelError, SettingError
from fieldmark.openset.gallery import Gallery, Neighbour
from fieldmark.openset.open_set_classifier import OpenSetOutputs
from fieldmark.openset.unknown_scores import OpenSetFeatures
from fieldmark.recognizer.answer import answer_photo, answer_specimen
from fieldmark.recognizer.graphs import FusedGraph, GraphOutputs, Graphs, MemberGraphs
from fieldmark.recognizer.inputs import PhotoInput, as_list, is_single, path_of
from fieldmark.recognizer.predictions import Embeddings, Scores
from fieldmark.recognizer.run_photos import run_all, run_in_batches
from fieldmark.structures import Answer
from fieldmark.uncertainty.guarantees import AnswerOptions

__all__ = ["Embeddings", "Predictor", "Scores"]


class Predictor:
    """A trained model that answers photos; the base class of `fieldmark.Recognizer`.

    Args:
        model: The model folder, or an ONNX file that ``fieldmark export`` wrote.
        device: Where the model folder computes: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Attributes:
        path: The argument `model`.
        folder: The model folder; for an ONNX file, a temporary folder with its small files.
        manifest: The content of ``fieldmark.json``.
        graphs: Runs the ONNX graphs.
        open_set: Adds enrolled classes and detects unknowns.
        guarantees: Prediction sets and back-off.

    Raises:
        ModelError: There is no model, it is damaged, or it comes from a newer version of Fieldmark.
    """

    def __init__(self, model: str | Path, *, device: Device = "auto") -> None:
        self.path = Path(model)
        self._exported = open_exported(self.path) if is_exported(self.path) else None
        if self._exported is None:
            self.folder, self.manifest = self.path, load_manifest(self.path)
            self.graphs: Graphs = MemberGraphs(self.folder, self.manifest, device)
        else:
            self.folder, self.manifest = self._exported.folder, self._exported.manifest
            self.graphs = FusedGraph(self._exported.runner, self._exported.squares)
        self.open_set = load_open_set(self.folder, self.manifest)
        self.guarantees = load_guarantees(self.folder, self.manifest)

    @property
    def is_exported(self) -> bool:
        """Whether this is an ONNX file rather than a model folder."""
        return self._exported is not None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; enrolled classes come last."""
        return (*self.manifest.classes, *self.open_set.labels)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Class name -> index."""
        return {name: index for index, name in enumerate(self.classes)}

    @cached_property
    def gallery(self) -> Gallery:
        """The known photos.

        Raises:
            ModelError: The model has no gallery, or it cannot be opened.
        """
        if self.is_exported:
            raise ModelError(f"an exported file such as {self.path} holds no gallery: name the model folder instead")
        if self.manifest.gallery is None:
            raise ModelError(f"the model {self.folder} has no gallery: fit it again with this version of Fieldmark")
        return Gallery(self.manifest.gallery, self.folder)

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return write_card(self.manifest)

    def split(self) -> list[SplitRow]:
        """Return which photo was in which split when the model was made."""
        return load_split(self.folder, self.manifest)

    @overload
    def predict(  # type: ignore[overload-overlap]
        self,
        photos: str | Path | bytes | Image.Image,
        *,
        top_k: int = 5,
        coverage: float | None = None,
        target_accuracy: float | None = None,
    ) -> Answer: ...

    @overload
    def predict(
        self,
        photos: Sequence[PhotoInput],
        *,
        top_k: int = 5,
        coverage: float | None = None,
        target_accuracy: float | None = None,
    ) -> list[Answer]: ...

    @overload
    def predict(
        self,
        photos: PhotoInput,
        *,
        top_k: int = 5,
        coverage: float | None = None,
        target_accuracy: float | None = None,
    ) -> Answer | list[Answer]: ...

    def predict(
        self,
        photos: PhotoInput | Sequence[PhotoInput],
        *,
        top_k: int = 5,
        coverage: float | None = None,
        target_accuracy: float | None = None,
    ) -> Answer | list[Answer]:
        """Answer for one photo or several.

        Args:
            photos: Paths, PIL images, bytes, uint8 arrays (H, W, 3), tensors (3, H, W) in [0, 1]; one, a sequence
                of them, or a batch as an array or tensor with 4 axes.
            top_k: Number of candidates in an answer.
            coverage: Target coverage of the prediction sets; the model's default for None.
            target_accuracy: Share of answers that must be correct at their rank: an answer backs off to the most
                specific ancestor that meets it. The model's default for None; most models have none.

        Returns:
            One `Answer` for one photo, otherwise a list in the order of the photos. For a photo that cannot be read,
            the answer has an `error` and no candidates.

        Raises:
            SettingError: A level does not lie between 0 and 1, or the calibration set is too small for the coverage.
        """
        answers = self.answers(as_list(photos), top_k=top_k, coverage=coverage, target_accuracy=target_accuracy)
        return next(answers) if is_single(photos) else list(answers)

    def answers(
        self,
        photos: Sequence[PhotoInput],
        *,
        top_k: int = 5,
        coverage: float | None = None,
        target_accuracy: float | None = None,
    ) -> Iterator[Answer]:
        """Yield answers in the order of the photos, as they are ready; see `predict`."""
        return self._answers(photos, self._options(top_k, coverage, target_accuracy))

    def predict_specimen(
        self,
        photos: Sequence[PhotoInput],
        *,
        group: str | None = None,
        top_k: int = 5,
        coverage: float | None = None,
        target_accuracy: float | None = None,
    ) -> Answer:
        """Return one answer for several photos of one specimen. Photos that cannot be read are skipped.

        Args:
            photos: At least one.
            group: Name of the specimen, for the answer.
            top_k: See `predict`.
            coverage: See `predict`.
            target_accuracy: See `predict`.

        Returns:
            The answer; its `photos` lists the photos used. It has an `error` if no photo can be read.

        Raises:
            SettingError: There are no photos, or a level is not possible, see `predict`.
        """
        wanted = self._options(top_k, coverage, target_accuracy)
        if not len(photos):
            raise SettingError("expected the photos of a specimen, but got none; give at least one")
        scores = self.scores(photos)
        good = [position for position in range(len(photos)) if position not in scores.errors]
        if not good:
            return Answer(None, error=scores.errors[0], group=group)
        unknown = [scores.is_unknown(position) for position in good]
        paths = [path_of(photos[position]) for position in good]
        rows = scores.probabilities[good]
        return answer_specimen(self.guarantees, self.classes, paths, group, rows, unknown, wanted)

    def scores(self, photos: Sequence[PhotoInput], description: str = "recognizing") -> Scores:
        """Return calibrated probabilities of many photos; some of them may be unreadable."""
        found = run_all(photos, self.classify, *self._sizes, description)
        return Scores.of(found, len(photos), len(self.classes))

    def embeddings(self, photos: Sequence[PhotoInput], description: str = "embedding") -> Embeddings:
        """Return embeddings of many photos by the first member: the mean over its views, at unit length."""
        return Embeddings.of(run_all(photos, self.graphs.embed, *self._sizes, description), len(photos))

    def nearest(self, photos: Sequence[PhotoInput], k: int = 5) -> tuple[list[list[Neighbour]], dict[int, str]]:
        """Return the nearest known photos of each photo, and position -> why a photo cannot be read.

        Raises:
            SettingError: `k` is below 1.
            ModelError: The model has no gallery.
        """
        if k < 1:
            raise SettingError(f"the number of neighbours must be at least 1, but is {k}")
        gallery = self.gallery
        found = run_all(photos, self.graphs.embed, *self._sizes, "searching")
        neighbours: list[list[Neighbour]] = [[] for _ in photos]
        if found.outputs is not None:
            vectors = self.open_set.state.projection(found.outputs.astype(np.float32))
            for position, near in zip(found.positions, gallery.search(vectors, k), strict=True):
                neighbours[position] = near
        return neighbours, found.errors

    def classify(self, images: Sequence[Image.Image]) -> OpenSetOutputs:
        """Return probabilities of all classes, and which of the images, upright and RGB, are unknown."""
        outputs = self.graphs.run(images)
        return self.open_set(outputs.probabilities, outputs.logits, outputs.embeddings)

    def open_set_features(
        self, photos: Sequence[PhotoInput], description: str = "recognizing"
    ) -> tuple[OpenSetFeatures, OpenSetOutputs, dict[int, str]]:
        """Return what the open-set scores are computed from, the decisions, and why photos cannot be read.

        The rows are those of the readable photos, in their order.

        Raises:
            ModelError: The model has no open-set state.
        """
        count, width = len(self.manifest.classes), self.open_set.state.projection.width
        found = run_all(photos, self.graphs.run, *self._sizes, description)
        none = GraphOutputs(np.zeros((0, count)), np.zeros((0, count)), np.zeros((0, width)))
        outputs = found.outputs or none
        arrays = outputs.probabilities, outputs.logits, outputs.embeddings
        return self.open_set.features(*arrays), self.open_set(*arrays), found.errors

    @property
    def _sizes(self) -> tuple[int, int]:
        """Side in pixels that photos are decoded to, and photos in one call of the graphs."""
        return self.graphs.draft_side, self.graphs.batch_size

    def _options(self, top_k: int, coverage: float | None, target_accuracy: float | None) -> AnswerOptions:
        if top_k < 1:
            raise SettingError(f"the number of candidates must be at least 1, but is {top_k}")
        wanted = AnswerOptions(top_k, coverage, target_accuracy)
        self.guarantees.check(wanted)
        return wanted

    def _answers(self, photos: Sequence[PhotoInput], wanted: AnswerOptions) -> Iterator[Answer]:
        for batch in run_in_batches(photos, self.classify, *self._sizes):
            rows = {position: row for row, position in enumerate(batch.positions)}
            for position in sorted([*rows, *batch.errors]):
                path = path_of(photos[position])
                if position in batch.errors or batch.outputs is None:
                    yield Answer(path, error=batch.errors[position])
                    continue
                row, unknown = rows[position], batch.outputs.unknown
                is_unknown = None if unknown is None else bool(unknown[row])
                probabilities: Floats = batch.outputs.probabilities[row]
                yield answer_photo(self.guarantees, self.classes, path, probabilities, is_unknown, wanted)
