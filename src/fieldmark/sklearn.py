"""A recognizer as a scikit-learn classifier: cross-validation, grid search, pipelines and pickles work on photos."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from fieldmark.api import Recognizer
from fieldmark.arrays import Float64s
from fieldmark.errors import PhotoError, SettingError
from fieldmark.fit import fit as fit_model
from fieldmark.recognizer.inputs import PhotoInput, as_list, path_of, to_image
from fieldmark.structures import Record, RecordList

__all__ = ["FieldmarkClassifier"]


class FieldmarkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A scikit-learn classifier whose X is a sequence of photos.

    A photo is a path, bytes, a PIL image, or an array (H, W, 3); X may also be one array (N, H, W, 3). Labels are
    anything that `numpy.unique` sorts. The whole of X is for training: no test photos are held out.

    Args:
        method: Name of a method, see ``fieldmark methods``.
        backbone: Any timm model; EfficientNet-Lite0 for None.
        image_size: Side in pixels; the backbone's own for None.
        seed: Decides splits, initial weights and the order of photos.
        settings: Other settings of the method, name -> value; see ``fieldmark settings METHOD``.
        out: Model folder to write; a temporary one for None, which is deleted with the classifier.

    Attributes:
        classes_: The labels in the order of the probabilities, (K,).
        recognizer_: The fitted `fieldmark.Recognizer`.

    A pickle holds the whole model, so that it can be loaded on another machine.
    """

    def __init__(
        self,
        method: str = "auto",
        *,
        backbone: str | None = None,
        image_size: int | None = None,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        out: str | Path | None = None,
    ) -> None:
        self.method = method
        self.backbone = backbone
        self.image_size = image_size
        self.seed = seed
        self.settings = settings
        self.out = out

    def fit(self, X: Sequence[PhotoInput], y: Sequence[Any], groups: Sequence[Any] | None = None) -> Self:
        """Train on photos and their labels.

        Args:
            X: N photos.
            y: N labels.
            groups: N names of specimens, senders or bursts; photos of one group stay on one side of inner splits.

        Raises:
            SettingError: X, y and groups differ in length, or two labels have the same text.
            FieldmarkError: Another input is wrong; the message says what to do.
        """
        photos, labels = as_list(X), np.asarray(y)
        of_groups = [None] * len(photos) if groups is None else [str(group) for group in groups]
        if not len(photos) == len(labels) == len(of_groups):
            counts = f"{len(photos)} photos, {len(labels)} labels and {len(of_groups)} groups"
            raise SettingError(f"X, y and groups must have the same length, but there are {counts}")
        self.classes_, indices = np.unique(labels, return_inverse=True)
        names = [str(label) for label in self.classes_]
        twins = {name for name in names if names.count(name) > 1}
        if twins:
            raise SettingError(f"several labels are written '{min(twins)}': give each label its own text")
        options = {"method": self.method, "seed": self.seed, "test_fraction": 0.0, **(self.settings or {})}
        options |= {name: value for name in ("backbone", "image_size") if (value := getattr(self, name)) is not None}
        with tempfile.TemporaryDirectory(prefix="fieldmark-") as scratch:
            paths = [_file_of(photo, Path(scratch) / f"{number}.png") for number, photo in enumerate(photos)]
            rows = zip(paths, indices, of_groups, strict=True)
            records = [Record(path, int(index), "train", group=group) for path, index, group in rows]
            folder = self._new_folder() if self.out is None else Path(self.out)
            root = Path(os.path.commonpath([path.parent.absolute() for path in paths]))
            fit_model(RecordList(records, names, name="arrays", root=root), folder, **options)
        self.recognizer_ = Recognizer(folder)
        return self

    def predict_proba(self, X: Sequence[PhotoInput]) -> Float64s:
        """Return calibrated probabilities (N, K), in the order of `classes_`.

        Raises:
            PhotoError: A photo cannot be read.
            NotFittedError: `fit` comes first.
        """
        check_is_fitted(self)
        photos = as_list(X)
        if not photos:
            return np.empty((0, len(self.classes_)))
        return self.recognizer_.predict_proba(photos)[:, : len(self.classes_)]

    def predict(self, X: Sequence[PhotoInput]) -> Any:
        """Return the most probable label of each photo, (N,). Errors are those of `predict_proba`."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(1)]

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters and, after `fit`, the files of the model folder."""
        state: dict[str, Any] = dict(super().__getstate__())
        if (recognizer := state.pop("recognizer_", None)) is not None:
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(recognizer.path, arcname=".")
            state["_model"] = packed.getvalue()
        state.pop("_finalizer", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        model = state.pop("_model", None)
        super().__setstate__(state)
        if model is not None:
            folder = self._new_folder()
            with tarfile.open(fileobj=io.BytesIO(model)) as archive:
                archive.extractall(folder, filter="data")
            self.recognizer_ = Recognizer(folder)

    def __sklearn_tags__(self) -> Any:
        """Say that X holds photos, not numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        tags.target_tags.required = True
        return tags

    def _new_folder(self) -> Path:
        """Return a new folder that is deleted together with the classifier."""
        temporary = tempfile.TemporaryDirectory(prefix="fieldmark-model-", ignore_cleanup_errors=True)
        self._finalizer = weakref.finalize(self, temporary.cleanup)
        return Path(temporary.name) / "model"


def _file_of(photo: PhotoInput, new: Path) -> Path:
    """Return the absolute path of a photo; a photo in memory is written to a new PNG file.

    Raises:
        PhotoError: The photo in memory cannot be read.
    """
    if (known := path_of(photo)) is not None:
        return Path(known).absolute()
    try:
        to_image(photo).save(new)
    except PhotoError as error:
        raise PhotoError(f"photo {new.stem} of X: {error}") from error
    return new
