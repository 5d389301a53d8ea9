"""A fit, from photos to a model folder, in six steps.

1. `prepare`: leave out bad files, keep duplicates together, give every photo a role.
2. `train`: learn from the train photos; photos of the role val guide the choices. Heads on frozen features also learn
   from a val that was carved, and know every photo by a head that did not learn from it.
3. `calibrate`: fit temperatures, so that probabilities mean what they say.
4. `certify`: measure, on photos that the heads did not learn from, what prediction sets and backed-off answers can
   guarantee.
5. `fit_openset`: keep what recognizes unknowns, enrols classes and finds similar photos.
6. `save_artifact`: write the folder, all of it or nothing.

Where the data ask several questions, steps 2 to 5 answer the first one, and `fit_question` repeats them for each
further one: it trains only a head on the embeddings that the first one left.

Each step takes the records of the steps before and returns one of its own. The test photos pass through the table of
photos, but nothing opens them.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from fieldmark.artifact.feedback_list import corrected_photos
from fieldmark.artifact.fitted_model import FittedModel
from fieldmark.artifact.save import check_out, save_artifact
from fieldmark.backbones.runners.device import choose_device
from fieldmark.calibration.calibrate import calibrate
from fieldmark.data.add_corrections import CorrectedPhoto
from fieldmark.data.asked_photos import AskedPhotos, ask
from fieldmark.data.class_subset import choose_classes
from fieldmark.data.label_names import fold_name
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.prepare import Prepared, prepare
from fieldmark.data.read import read
from fieldmark.errors import SettingError
from fieldmark.evaluation.fit_advice import fit_advice
from fieldmark.fit_question import fit_question
from fieldmark.methods.settings_base import FitSettings
from fieldmark.openset.fit_openset import fit_openset
from fieldmark.recipe import build_settings
from fieldmark.structures import RecordList
from fieldmark.training.first_pass import first_pixels
from fieldmark.training.question_heads import with_embeddings
from fieldmark.training.train import check_machine, train
from fieldmark.uncertainty.certify import certify

__all__ = ["RUN_FILE", "fit", "fit_prepared", "run_folder"]

logger = logging.getLogger(__name__)

RUN_FILE = "run.json"
"""File that identifies the folder of an interrupted fit."""


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
) -> None:
    """Turn labelled photos into a model folder; the arguments are those of `fieldmark.fit`.

    Raises:
        FieldmarkError: The input is wrong; the message says what to do.
    """
    settings = build_settings(method, options, recipe=Path(recipe) if recipe else None, overrides=overrides)
    check_machine(settings)
    check_out(Path(out))
    _check_run(run_folder(Path(out)), settings, resume)
    corrections = [photo for model in feedback for photo in corrected_photos(Path(model))]
    records = data if isinstance(data, RecordList) else read(data)
    left_out = {fold_name(name) for name in records.options.get("drop_labels", ())}
    if settings.classes:
        left_out |= set(records.classes)
        records = choose_classes(records, settings.classes)
        left_out -= set(records.classes)
    with first_pixels(settings) as pixels:
        prepared = prepare(
            records,
            settings.seed,
            val_fraction=settings.val_fraction,
            test_fraction=settings.test_fraction,
            corrections=_of_chosen_classes(corrections, left_out),
            pixels=pixels,
        )
        _log(prepared)
        fit_prepared(prepared, settings, Path(out), resume=resume)


def fit_prepared(prepared: Prepared, settings: FitSettings, out: Path, *, resume: bool = False) -> None:
    """Fit on photos that `prepare` returned; `compare` starts here, so that all methods get the same splits.

    Args:
        prepared: The photos.
        settings: Settings of a method.
        out: The model folder.
        resume: Continue from the checkpoints of an interrupted fit.
    """
    photos = prepared.photos
    known, asked = photos.for_training(), _ask(photos)
    run = run_folder(out)
    trained = train(photos, settings, run, resume=resume)
    if asked:
        trained = with_embeddings(trained, known)
    calibration = calibrate(trained, known)
    certificate = certify(calibration, known, settings)
    device = choose_device(settings.device)
    open_set = fit_openset(trained, calibration, known, seed=settings.seed, score=settings.unknown_score, device=device)
    advice = fit_advice(trained, photos)
    questions = [fit_question(each, photos, trained, settings, device) for each in asked]
    save_artifact(out, FittedModel(settings, prepared, trained, calibration, certificate, open_set, advice, questions))
    _delete_run(run)


def _ask(photos: PhotoTable) -> list[AskedPhotos]:
    """Return the photos of each further question, and log their numbers."""
    asked = [ask(photos, number) for number in range(len(photos.records.further))]
    for each in asked:
        logger.info(each.summary)
        for name, count in each.left_out.items():
            logger.warning(
                f"  the class '{name}' of '{each.name}' is not learned: {count} photo(s), and at least two are needed, "
                "one of them in train"
            )
    return asked


def run_folder(out: Path) -> Path:
    """Return the folder of the checkpoints; it is deleted once the model is written."""
    return out.with_name(out.name + ".run")


def _of_chosen_classes(corrections: Sequence[CorrectedPhoto], left_out: Collection[str]) -> list[CorrectedPhoto]:
    """Return the corrections to classes that the fit does not leave out, and log how many others there are."""
    chosen = [one for one in corrections if fold_name(one.label) not in left_out]
    if len(chosen) < len(corrections):
        logger.info(f"left out {len(corrections) - len(chosen)} corrections to classes that this fit leaves out")
    return chosen


def _check_run(run: Path, settings: FitSettings, resume: bool) -> None:
    """Refuse to resume nothing, and to write checkpoints into a folder that holds something else."""
    is_run = (run / RUN_FILE).is_file()
    if resume and not settings.resumable:
        raise SettingError(f"--resume continues a fine-tune, but '{settings.method}' starts anew; leave it out")
    if resume and not is_run:
        raise SettingError(f"--resume continues the interrupted fit in {run}, but there is none; leave it out")
    if not is_run and os.path.lexists(run) and not _is_unstarted(run):
        raise SettingError(f"checkpoints would go to {run}, but that holds something else; name another --out")


def _is_unstarted(run: Path) -> bool:
    """Whether a folder is what a fit leaves that was killed before or after it had a run."""
    return run.is_dir() and all(path.name.endswith(".part") for path in run.iterdir())


def _delete_run(run: Path) -> None:
    """Delete the checkpoints. The file that marks the folder as a run goes last: a kill leaves a run or nothing."""
    for path in run.iterdir() if run.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != RUN_FILE:
            path.unlink(missing_ok=True)
    shutil.rmtree(run, ignore_errors=True)


def _log(prepared: Prepared) -> None:
    """Log the number of photos and the findings, one line each."""
    photos = prepared.photos
    counts = ", ".join(f"{len(photos.records.of_split(split))} {split}" for split in ("train", "val", "test"))
    logger.info(f"{len(photos):,} photos of {len(photos.classes)} classes: {counts}")
    for finding in prepared.findings:
        level = logging.INFO if finding.severity == "note" else logging.WARNING
        logger.log(level, f"  {finding.severity}: {finding.message}")
