"""A trained model and its verbs. Each verb imports what it needs when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

import numpy as np
from PIL import Image

from fieldmark.api.model_changes import ModelChanges
from fieldmark.arrays import Float64s
from fieldmark.errors import PhotoError, SettingError
from fieldmark.recognizer.answer import Answer
from fieldmark.recognizer.inputs import PhotoInput, as_list, is_single, path_of
from fieldmark.recognizer.nearest import nearest_photos
from fieldmark.recognizer.side_by_side import answer_together
from fieldmark.structures import Box, RecordList, Split

if TYPE_CHECKING:
    from fieldmark.artifact.gallery import Neighbour
    from fieldmark.evaluation.drift import Drift
    from fieldmark.evaluation.evaluate import Evaluation
    from fieldmark.evaluation.review_plan import Costs, ReviewPlan
    from fieldmark.explain.evidence import PhotoEvidence
    from fieldmark.export.export_onnx import ExportReport
    from fieldmark.export.export_web import WebExportReport
    from fieldmark.report.guide.write_guide import Guide

__all__ = ["AnswerLevels", "Recognizer"]


class AnswerLevels(TypedDict, total=False):
    """Keywords of `Recognizer.predict`."""

    top_k: int
    coverage: float | None
    target_accuracy: float | None
    box: Box | None


class Recognizer(ModelChanges):
    """A trained model. `load` and `fit` return it.

    `Predictor` computes the answers; the verbs here return them, and also explain and measure; `ModelChanges` has those
    that change the model. A pickle names the model's path and opens it again. Forked processes may share a recognizer
    that computes on a CPU.

    Args:
        model: The folder or file.
        device: Where a model folder computes: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        SettingError: The device is not there.
        ModelError: There is no model, it is damaged, or it comes from a newer Fieldmark.
    """

    def __repr__(self) -> str:
        kind = "exported, " if self.is_exported else ""
        return f"Recognizer({self.path}: {kind}{self.manifest.method}, {len(self.classes)} classes)"

    def _repr_html_(self) -> str:
        """Return the method, the photos, the accuracy and the classes."""
        from fieldmark.notebook import card

        data, figures = self.manifest.data, self.manifest.figures
        top1 = figures.get("val_top1")
        notes = [
            f"trained on {data.num_learned:,} photos of {len(self.manifest.classes)} classes",
            "" if top1 is None else f"top-1 accuracy on val: {top1:.1%}",
            ", ".join(self.classes[:12]) + (f" and {len(self.classes) - 12} more" if len(self.classes) > 12 else ""),
        ]
        return card(repr(self), notes=[note for note in notes if note])

    @overload
    def predict(self, photos: str | Path | bytes | Image.Image, **options: Unpack[AnswerLevels]) -> Answer: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, photos: Sequence[PhotoInput], **options: Unpack[AnswerLevels]) -> list[Answer]: ...
    @overload
    def predict(self, photos: PhotoInput, **options: Unpack[AnswerLevels]) -> Answer | list[Answer]: ...

    def predict(
        self,
        photos: PhotoInput | Sequence[PhotoInput],
        *,
        top_k: int = 5,
        coverage: float | None = None,
        target_accuracy: float | None = None,
        box: Box | None = None,
    ) -> Answer | list[Answer]:
        """Answer for one photo or several.

        Args:
            photos: Paths, PIL images, bytes, uint8 arrays (H, W, 3), tensors (3, H, W) in [0, 1]; one, a sequence
                of them, or a batch as an array or tensor with 4 axes.
            top_k: Number of candidates in an answer.
            coverage: Target coverage of the prediction sets; the model's default for None.
            target_accuracy: Share of answers that must be correct at their rank: an answer backs off to the most
                specific ancestor that meets it. The model's default for None; most models have none.
            box: Where the photos show the object, xyxy pixels. A model that zooms looks there, and other models see
                only this part of the photo. None lets a model that zooms find the object.

        Returns:
            One `Answer` for one photo, otherwise a list in the order of the photos. For a photo that cannot be read,
            the answer has an `error` and no candidates.

        Raises:
            SettingError: A level does not lie between 0 and 1, or the calibration set is too small for the coverage.
        """
        answers = self.answers(
            as_list(photos), top_k=top_k, coverage=coverage, target_accuracy=target_accuracy, box=box
        )
        return next(answers) if is_single(photos) else list(answers)

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
            top_k, coverage, target_accuracy: See `predict`.

        Returns:
            The answer; its `photos` lists the photos used. It has an `error` if no photo can be read.

        Raises:
            SettingError: There are no photos, or a level is not possible, see `predict`.
        """
        wanted = self.options(top_k, coverage, target_accuracy)
        if not len(photos):
            raise SettingError("expected the photos of a specimen, but got none; give at least one")
        scores = list(self.question_scores(photos).values())
        good = [position for position in range(len(photos)) if position not in scores[0].errors]
        if not good:
            return Answer(None, error=scores[0].errors[0], group=group)
        paths = [path_of(photos[position]) for position in good]
        found = [[(one.probabilities[photo], one.is_unknown(photo)) for one in scores] for photo in good]
        return answer_together(self.asked, paths, group, found, wanted)

    def predict_proba(self, photos: PhotoInput | Sequence[PhotoInput]) -> Float64s:
        """Return calibrated probabilities (N, K), in the order of `classes`; (1, K) for a single photo.

        Raises:
            PhotoError: A photo cannot be read. `predict` answers the others.
        """
        scores = self.scores(as_list(photos))
        for reason in scores.errors.values():
            raise PhotoError(reason)
        return np.asarray(scores.probabilities, dtype=np.float64)

    def evaluate(
        self,
        data: str | Path | RecordList | None = None,
        *,
        split: Split = "test",
        coverage: float | None = None,
        target_accuracy: float | None = None,
    ) -> Evaluation:
        """Measure the model on a split.

        Args:
            data: A data set; None for the one that the model was made from.
            split: Which split to read.
            coverage: Target coverage of the prediction sets; None for the model's own.
            target_accuracy: Target accuracy of answers that back off; None for the model's own.

        Raises:
            DataError: The photos are not there, or their labels are not those of the model.
        """
        from fieldmark.evaluation.evaluate import evaluate

        return evaluate(self, data, split=split, coverage=coverage, target_accuracy=target_accuracy)

    def plan(self, costs: Costs, *, seed: int = 0) -> ReviewPlan:
        """Choose from the calibration photos which answers to accept, review or reject at the lowest expected cost.

        Args:
            costs: What a photo costs.
            seed: Of folds and bootstrap draws.

        Raises:
            SettingError: There are too few calibration photos.
        """
        from fieldmark.evaluation.review_plan import plan_review

        tables = self.guarantees.tables
        return plan_review(tables.paths[:, 0], tables.ranks, costs, seed=seed)

    def drift(self, photos: Sequence[str | Path], *, level: float = 0.05, seed: int = 0) -> Drift:
        """Compare new photos with the val photos of the model: embeddings, confidence and classes.

        Args:
            photos: New photos, at least 20.
            level: Chance of a false alarm, over all tests together.
            seed: Of the permutations.

        Raises:
            ModelError: The model keeps fewer than 20 val photos.
            DataError: Fewer than 20 of the new photos can be read.
        """
        from fieldmark.evaluation.drift import measure_drift

        return measure_drift(self, [Path(photo) for photo in photos], level=level, seed=seed)

    def explain(self, photo: PhotoInput, against: str | None = None, *, question: str | None = None) -> PhotoEvidence:
        """Find where in a photo the evidence for the winner lies, by itself and against another class.

        Args:
            photo: One, as `predict` takes it.
            against: A class; None for the runner-up.
            question: Which question of the model the answer is for; None for the first one.

        Raises:
            PhotoError: The photo cannot be read.
            SettingError: There is no such question or class, or the class is the winner itself.
            ModelError: The model is an exported file.
        """
        from fieldmark.explain.explain_photo import explain_photo

        return explain_photo(self.asking(question), photo, against)

    @overload
    def search(self, photos: str | Path | bytes, k: int = 5) -> list[Neighbour]: ...  # type: ignore[overload-overlap]
    @overload
    def search(self, photos: Sequence[PhotoInput], k: int = 5) -> list[list[Neighbour]]: ...
    @overload
    def search(self, photos: PhotoInput, k: int = 5) -> list[Neighbour] | list[list[Neighbour]]: ...

    def search(self, photos: PhotoInput | Sequence[PhotoInput], k: int = 5) -> list[Neighbour] | list[list[Neighbour]]:
        """Return the `k` nearest known photos of a photo, or of each of several photos.

        Raises:
            PhotoError: A photo cannot be read.
            SettingError: `k` is below 1.
            ModelError: The model has no gallery.
        """
        single = is_single(photos)
        found, errors = nearest_photos(self, as_list(photos), k)
        for reason in errors.values():
            raise PhotoError(reason)
        return found[0] if single else found

    def guide(
        self,
        out: str | Path,
        data: str | Path | RecordList | None = None,
        *,
        pairs: int = 10,
        photos: int = 3,
        test: bool = False,
        lang: str = "en",
        notes: Sequence[str | Path] = (),
    ) -> Guide:
        """Write a field guide to the classes as one HTML file.

        Args:
            out: The file.
            data: A data set; None for the one that the model was made from.
            pairs: Look-alike pairs to show with their photos.
            photos: Photos of each class of a pair to explain.
            test: Whether to read the test photos too.
            lang: Language of the texts, ``en`` or ``zh``.
            notes: Files that pages of guides saved; the new page starts with their notes.

        Raises:
            FieldmarkError: The photos are not there, or the file cannot be written.
        """
        from fieldmark.guide.guide_texts import guide_texts
        from fieldmark.report.guide.write_guide import GuideOptions, write_guide

        options = GuideOptions(pairs=pairs, photos=photos, test=test, lang=guide_texts(lang).lang)
        return write_guide(self, data, out, options, notes=notes)

    def export(self, out: str | Path, *, int8: bool = False, data: str | Path | None = None) -> ExportReport:
        """Write one ONNX file that answers like the model, and compare the two on val photos.

        Args:
            out: The file; its name ends in ``.onnx``.
            int8: Whether to quantise the backbones; the report says what that costs.
            data: Where the photos are; None for where the model was made from.

        Raises:
            FieldmarkError: The model cannot be exported, or the file would answer differently.
        """
        from fieldmark.export.export_onnx import export

        return export(self.path, out, int8=int8, data=data)

    def export_web(
        self,
        out: str | Path,
        *,
        ort_web: str | Path | None = None,
        known: int = 1000,
        int8: bool = False,
        data: str | Path | None = None,
    ) -> WebExportReport:
        """Write a folder of static files with a page that answers in the browser, also without a network.

        Args:
            out: A new or empty folder, or an earlier export, which is replaced.
            ort_web: Folder of the npm package onnxruntime-web; None fetches it with npm.
            known: Known photos to put in, at most about; 0 for none.
            int8: Whether to quantise the backbones; the report says what that costs.
            data: Where the photos are; None for where the model was made from.

        Raises:
            FieldmarkError: The model cannot be exported, or the page would answer differently.
        """
        from fieldmark.export.export_web import export_web

        return export_web(self.path, out, ort_web=ort_web, known=known, int8=int8, data=data)

    def serve(self, *, host: str = "127.0.0.1", port: int = 8000, **settings: Any) -> None:
        """Answer over HTTP until the process is interrupted.

        Args:
            host: Address to listen on.
            port: Port to listen on; 0 takes a free one.
            **settings: Fields of `fieldmark.serve.settings.ServeSettings`, such as ``token``.

        Raises:
            SettingError: The extra ``serve`` is not installed, or the address is taken.
        """
        from fieldmark.serve.run import serve
        from fieldmark.serve.settings import ServeSettings

        serve(self.path, host=host, port=port, settings=ServeSettings(**settings))
