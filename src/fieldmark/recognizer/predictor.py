"""The class that answers photos. `fieldmark.Recognizer` adds the verbs of the higher layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Self, TypeVar, cast

import numpy as np
from PIL import Image

from fieldmark.arrays import Floats
from fieldmark.artifact.card import write_card
from fieldmark.artifact.data_place import find_data
from fieldmark.artifact.exported import is_exported, open_exported
from fieldmark.artifact.gallery import Gallery
from fieldmark.artifact.load import SplitRow, load_manifest, load_split, reading
from fieldmark.artifact.load_fitted import load_gallery, load_guarantees, load_heads, load_open_set
from fieldmark.artifact.question_facts import QuestionFacts
from fieldmark.artifact.val_logits import ValLogits
from fieldmark.backbones.runners.device import Device
from fieldmark.calibration.member_fusion import fuse
from fieldmark.errors import ModelError, SettingError, unknown_name
from fieldmark.openset.open_set_classifier import OpenSetOutputs
from fieldmark.recognizer.answer import Answer
from fieldmark.recognizer.graphs import FusedGraph, GraphOutputs, Graphs, MemberGraphs, QuestionGraphs
from fieldmark.recognizer.inputs import BoxedPhoto, PhotoInput, path_of
from fieldmark.recognizer.predictions import Embeddings, Scores
from fieldmark.recognizer.run_photos import PhotoOutputs, run_all, run_in_batches
from fieldmark.recognizer.side_by_side import Judged, answer_for, judge
from fieldmark.structures import Box
from fieldmark.uncertainty.guarantees import AnswerOptions
from fieldmark.uncertainty.prior import Prior, estimate_shares

__all__ = ["Predictor"]

_P = TypeVar("_P", bound="Predictor")


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
        first: The model for its first question; another object only in `further`.
        further: The model for each further question; see `asking`.

    Raises:
        ModelError: There is no model, it is damaged, or it comes from a newer version of Fieldmark.
    """

    first: Predictor
    further: tuple[Predictor, ...]

    def __init__(self, model: str | Path, *, device: Device = "auto") -> None:
        self.path, self._device, self.first = Path(model), device, self
        self._prior: Prior | None = None
        self._exported = open_exported(self.path) if is_exported(self.path) else None
        if self._exported is None:
            self.folder, self.manifest = self.path, load_manifest(self.path)
        else:
            self.folder, self.manifest = self._exported.folder, self._exported.manifest
        while True:
            try:
                self._open()
                return
            except Exception:
                if self.is_exported or (newest := load_manifest(self.folder)) == self.manifest:
                    raise
                self.manifest = newest  # a change removed this generation's files while they were read

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Path, str | None, Prior | None]]:
        """Pickle the path, the device, the question and the prior; unpickling opens the model again."""
        question = None if self.first is self else self.question
        return partial(_reopened, type(self), self._device), (self.path.absolute(), question, self._prior)

    def _open(self) -> None:
        """Open the files of the manifest."""
        self.open_set = load_open_set(self.folder, self.manifest)
        self.guarantees = self._own_guarantees = load_guarantees(self.folder, self.manifest)
        width = self.open_set.width
        if self._exported is None:
            self.graphs: Graphs = MemberGraphs(self.folder, self.manifest, self._device, width=width)
        else:
            self.graphs = FusedGraph(self._exported.open_graph(width), self._exported.facts.inputs)
        self.further = tuple(self._opened(facts) for facts in self.manifest.questions)

    def _opened(self, facts: QuestionFacts) -> Self:
        """Return the model for a further question, with the files of that question and the graphs of this one."""
        other = self._copy()
        other.first, other.further = self, ()
        other.manifest = self.manifest.asking(facts.name)
        other.open_set = load_open_set(self.folder, other.manifest)
        other.guarantees = other._own_guarantees = load_guarantees(self.folder, other.manifest)
        heads = load_heads(self.folder, self.manifest, facts)
        other.graphs = QuestionGraphs(self.graphs, heads, other.manifest)
        return other

    def _copy(self) -> Self:
        """Return an object with the same open files. `copy.copy` would do what unpickling does, and open them again."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    @property
    def question(self) -> str:
        """Name of the question that `classes` answer."""
        return self.manifest.label_name

    @property
    def asked(self) -> tuple[Predictor, ...]:
        """This model for each of its questions, the first one first."""
        return (self, *self.further)

    def asking(self, question: str | None) -> Self:
        """Return the model for one of its questions: its classes, answers and measures are those of that question.

        Args:
            question: Its name; None for the first one.

        Raises:
            SettingError: The model does not answer such a question.
        """
        found = self if question is None else next((one for one in self.asked if one.question == question), None)
        if found is None:
            raise unknown_name("question", str(question), [one.question for one in self.asked])
        return cast(Self, found)

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
        return load_gallery(self.folder, self.manifest)

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return write_card(self.manifest)

    @property
    def data_place(self) -> Path:
        """The photos that the model was made from, where they were last seen."""
        return find_data(self.manifest.data, self.path)

    def split(self) -> list[SplitRow]:
        """Return which photo was in which split when the model was made."""
        return load_split(self.folder, self.manifest)

    def val_logits(self) -> ValLogits | None:
        """Return the members' out-of-fold logits of val, where the model learned from val; None otherwise."""
        name = self.manifest.val_logits
        if name is None:
            return None
        with reading(self.folder, self.manifest, name) as path:
            return ValLogits.load(path)

    def out_of_fold(self) -> dict[str, Floats]:
        """Return content key -> calibrated probabilities (K,) of val photos, by heads that did not learn from them.

        Empty where the model did not learn from val.
        """
        held, members = self.val_logits(), self.manifest.members
        if held is None:
            return {}
        temperatures, weights = [facts.temperature for facts in members], [facts.weight for facts in members]
        fused = fuse(held.logits, temperatures, weights)
        scaling = self.manifest.scaling
        probabilities = fused if scaling is None else scaling(np.log(np.maximum(fused, 1e-30)))
        return dict(zip(held.contents, probabilities, strict=True))

    @property
    def training_shares(self) -> Floats:
        """How often each class occurs among photos like the training photos, (K + m,); an enrolled class as the mean.

        Raises:
            ModelError: The model keeps no probabilities of its calibration photos.
        """
        sample = self.guarantees.tables.sample
        if not len(sample):
            raise ModelError(
                f"the model {self.path} keeps no probabilities of calibration photos, which a prior needs: fit it "
                "again with this version of Fieldmark and more photos"
            )
        tables = self.guarantees.tables
        each = tables.class_weights[tables.sample_labels] if len(tables.class_weights) else None
        shares = np.average(sample.astype(np.float64), axis=0, weights=each)
        return np.asarray(np.append(shares, np.full(len(self.classes) - len(shares), shares.mean())))

    def under(self, prior: Prior) -> Self:
        """Return a recognizer for photos whose classes have this prior; it shares this one's graphs.

        A second prior multiplies the first one.

        Probabilities, prediction sets and back-off change. Whether a photo is unknown does not: it rests on how the
        photo looks.

        Args:
            prior: Weights of all classes, (K + m,).

        Raises:
            SettingError: The prior does not have a weight for each class.
            ModelError: The model keeps no probabilities of its calibration photos.
        """
        if len(prior.weights) != len(self.classes):
            raise SettingError(
                f"the prior has {len(prior.weights)} weights, but the model has {len(self.classes)} classes"
            )
        whole = prior if self._prior is None else Prior(self._prior.weights * prior.weights)
        other = self._copy()
        other.first = other if self.first is self else self.first
        other._prior, other.guarantees = whole, self._own_guarantees.under(whole)
        return other

    def estimate_prior(self, photos: Sequence[PhotoInput]) -> Prior:
        """Return the prior of photos at hand, see `estimate_shares`. Unreadable and unknown photos do not count.

        Raises:
            ModelError: The model keeps no probabilities of its calibration photos.
        """
        source, scores = self.training_shares, self.scores(photos, "estimating the prior")
        rows = np.isfinite(scores.probabilities).all(1)
        if scores.unknown is not None:
            rows &= ~scores.unknown
        return Prior.from_shares(estimate_shares(scores.probabilities[rows], source), source)

    def answers(
        self,
        photos: Sequence[PhotoInput],
        *,
        top_k: int = 5,
        coverage: float | None = None,
        target_accuracy: float | None = None,
        box: Box | None = None,
    ) -> Iterator[Answer]:
        """Yield an answer for each photo, in their order, as they are ready.

        Args:
            photos: See `PhotoInput`. For a photo that cannot be read, the answer has an `error` and no candidates.
            top_k: Number of candidates in an answer.
            coverage: Target coverage of the prediction sets; the model's default for None.
            target_accuracy: Share of answers that must be correct at their rank: an answer backs off to the most
                specific ancestor that meets it. The model's default for None; most models have none.
            box: Where the photos show the object, xyxy pixels; None to let a model that zooms find it.

        Raises:
            SettingError: `top_k` or a level is not possible, or the calibration set is too small for the coverage.
        """
        asked = photos if box is None else [BoxedPhoto(photo, box) for photo in photos]
        return self._answers(asked, self.options(top_k, coverage, target_accuracy))

    def scores(self, photos: Sequence[PhotoInput], description: str = "recognizing") -> Scores:
        """Return calibrated probabilities of many photos; some of them may be unreadable."""
        found = run_all(photos, self.classify, self.graphs, description)
        return Scores.of(found, len(photos), len(self.classes))

    def question_scores(self, photos: Sequence[PhotoInput], description: str = "recognizing") -> dict[str, Scores]:
        """Return the scores for each question by its name. Each photo passes through the graphs once."""
        found = run_all(photos, self.classify_questions, self.graphs, description)
        return {
            one.question: Scores.of(
                PhotoOutputs(
                    found.positions, None if found.outputs is None else found.outputs.by_question[number], found.errors
                ),
                len(photos),
                len(one.classes),
            )
            for number, one in enumerate(self.asked)
        }

    def embeddings(self, photos: Sequence[PhotoInput], description: str = "embedding") -> Embeddings:
        """Return embeddings of many photos by the first member: the mean over its views, at unit length."""
        return Embeddings.of(run_all(photos, self.graphs.embed, self.graphs, description), len(photos))

    def classify(self, images: Sequence[Image.Image]) -> OpenSetOutputs:
        """Return probabilities of all classes, and which of the images, upright and RGB, are unknown."""
        return self.decide(self.graphs.run(images))

    def decide(self, outputs: GraphOutputs) -> OpenSetOutputs:
        """Return the results from the outputs of the graphs, under the prior where there is one."""
        found = self.open_set(outputs.probabilities, outputs.logits, outputs.embeddings)
        return found if self._prior is None else replace(found, probabilities=self._prior(found.probabilities))

    def classify_questions(self, images: Sequence[Image.Image]) -> Judged:
        """Return what `classify` returns for each question, and the boxes, after one pass through the graphs."""
        return judge(self.asked, self.first.graphs.run(images))

    def options(self, top_k: int, coverage: float | None, target_accuracy: float | None) -> AnswerOptions:
        """Return checked options of an answer; see `answers`."""
        wanted = AnswerOptions(top_k, coverage, target_accuracy)
        self.guarantees.check(wanted)
        return wanted

    def _answers(self, photos: Sequence[PhotoInput], wanted: AnswerOptions) -> Iterator[Answer]:
        for batch in run_in_batches(photos, self.classify_questions, self.graphs):
            rows = {position: row for row, position in enumerate(batch.positions)}
            for position in sorted([*rows, *batch.errors]):
                path = path_of(photos[position])
                if position in batch.errors or batch.outputs is None:
                    yield Answer(path, error=batch.errors[position])
                    continue
                row = rows[position]
                yield answer_for(self.asked, path, batch.outputs.of(row), wanted, batch.outputs.boxes[row])


def _reopened(kind: type[_P], device: Device, model: Path, question: str | None, prior: Prior | None) -> _P:
    """Open a model that was pickled."""
    opened = kind(model, device=device)
    asked = opened if question is None else opened.asking(question)
    return asked if prior is None else asked.under(prior)
