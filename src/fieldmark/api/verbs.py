"""The verbs that begin with data or a model's path, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldmark.api.recognizer import Recognizer
from fieldmark.backbones.runners.device import Device
from fieldmark.data.read import read
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList

if TYPE_CHECKING:
    from fieldmark.check import CheckReport
    from fieldmark.check.advise_data import Advice
    from fieldmark.compare.study import Comparison
    from fieldmark.review.label_session import LabelSession
    from fieldmark.review.review_session import ReviewSession
    from fieldmark.scale.bulk import Engine

__all__ = ["advise", "check", "compare", "fit", "label", "load", "read", "review"]


def check(
    data: str | Path | RecordList,
    *,
    fast: bool = False,
    seed: int = 0,
    engine: Engine = "local",
    cores: int | None = None,
) -> CheckReport:
    """Find broken files, duplicates, leaks between splits, small classes and doubtful labels in a data set.

    Args:
        data: A folder of class folders, a CSV, a known data set, or records that `read` returned.
        fast: Look only at files, classes and pixels: no embeddings and no doubtful labels.
        seed: Of the folds in which labels are checked.
        engine: ``ray`` lets the machines of a Ray cluster read the photos, or all cores of this one.
        cores: Cores of each worker of Ray.

    Raises:
        DataError: The data cannot be read.
        SettingError: Ray is not installed, or no machine has so many cores.
    """
    records = data if isinstance(data, RecordList) else read(data)
    if engine == "ray":
        from fieldmark.scale.check_on_ray import check_on_ray

        return check_on_ray(records, deep=not fast, seed=seed, cores=cores)
    from fieldmark.check import check as check_records

    return check_records(records, deep=not fast, seed=seed)


def advise(data: str | Path | RecordList, *, seed: int = 0) -> Advice:
    """Measure how much more photos would help, overall and for each class, and find what limits the accuracy.

    Args:
        data: A folder of class folders, a CSV, a known data set, or records that `read` returned.
        seed: Of folds, subsets and draws.

    Raises:
        DataError: The data cannot be read, or there are too few photos.
    """
    from fieldmark.check.advise_data import advise as advise_records

    return advise_records(data if isinstance(data, RecordList) else read(data), seed=seed)


def review(data: str | Path | RecordList, model: str | Path | Predictor | None = None, **options: Any) -> ReviewSession:
    """Find what a person should decide about in a data set; the session holds the items and writes the decisions.

    Args:
        data: A folder of class folders, a CSV, a known data set, or records that `read` returned.
        model: A model folder whose embeddings judge the labels; None for the bundled network.
        **options: ``decisions`` (the CSV, continued if it exists), ``fast``, ``seed``, and options of `read`.

    Raises:
        FieldmarkError: The data, the decisions or the model cannot be read.
    """
    from fieldmark.review.review_data import review as review_records

    return review_records(data, model, **options)


def label(folder: str | Path, model: str | Path | Predictor, **options: Any) -> LabelSession:
    """Order the unlabelled photos of a folder by how much their labels help; the session takes and writes the labels.

    Args:
        folder: With photos, at any depth.
        model: A model folder.
        **options: ``out`` (the CSV, continued if it exists), ``refit_every`` and ``seed``.

    Raises:
        FieldmarkError: The photos or the model cannot be read.
    """
    from fieldmark.review.label_folder import label as label_photos

    return label_photos(folder, model, **options)


def fit(
    data: str | Path | RecordList,
    out: str | Path,
    *,
    method: str | None = None,
    recipe: str | Path | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    feedback: Sequence[str | Path] = (),
    **options: Any,
) -> Recognizer:
    """Train a recognizer.

    Args:
        data: A folder of class folders, a CSV, a known data set, or records that `read` returned.
        out: The model folder; it appears when everything is done.
        method: ``auto`` unless the recipe names another.
        recipe: TOML file with settings.
        resume: Continue an interrupted fine-tune.
        overrides: ``key=value`` texts, as ``--set`` takes them.
        feedback: Model folders whose corrections join the train photos.
        **options: Settings of the method by name, such as ``backbone``, ``image_size``, ``seed``.

    Raises:
        FieldmarkError: The input is wrong; the message says what to do.
    """
    from fieldmark.fit import fit as fit_model

    fit_model(data, out, method=method, recipe=recipe, resume=resume, overrides=overrides, feedback=feedback, **options)
    return Recognizer(out)


def load(model: str | Path, *, device: Device = "auto") -> Recognizer:
    """Return the recognizer in a model folder, in an ONNX file that ``fieldmark export`` wrote, or on the Hub.

    Args:
        model: The folder or file, or ``hf://user/name[@revision]``.
        device: Where a model folder computes: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        SettingError: The device is not there, or a name on the Hub is not valid.
        ModelError: There is no model, it is damaged, or it comes from a newer Fieldmark.
    """
    from fieldmark.artifact.fetch_model import local_model

    return Recognizer(local_model(model), device=device)


def compare(data: str | Path | RecordList, out: str | Path, **options: Any) -> Comparison:
    """Train several methods alike and measure them on the same test photos.

    Args:
        data: A folder of class folders, a CSV, a known data set, or records that `read` returned.
        out: Folder for the runs, ``compare.json`` and ``compare.html``; give it again to continue.
        **options: ``methods``, ``seeds``, ``baseline``, ``classes``, ``overrides``, ``grid``, and settings that all
            methods share, such as ``backbone``, ``image_size``, ``epochs``, ``budget``.

    Raises:
        FieldmarkError: The input is wrong; the message says what to do.
    """
    from fieldmark.compare.study import compare as compare_methods

    return compare_methods(data, out, **options)
