"""A fit: prepare, train, calibrate and save."""

from __future__ import annotations

import importlib.metadata
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.artifact.manifest import DataFacts, Manifest
from fieldmark.artifact.save import check_out, member_facts, save_artifact
from fieldmark.calibration.calibrate import Calibration, calibrate
from fieldmark.data.class_subset import choose_classes
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.prepare import Prepared, prepare
from fieldmark.data.read import read
from fieldmark.errors import SettingError
from fieldmark.methods.settings_base import FitSettings
from fieldmark.openset.fit_openset import fit_openset, gallery_rows, known_photos
from fieldmark.openset.gallery import GALLERY_FOLDER, Gallery
from fieldmark.openset.open_set_state import OPEN_SET_FILE
from fieldmark.recipe import build_settings
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList
from fieldmark.training.member import Trained
from fieldmark.uncertainty.guarantees import GUARANTEES_FILE, GuaranteeFacts, GuaranteeTables
from fieldmark.uncertainty.raps import choose_conformity_score

__all__ = ["RUN_FILE", "fit", "run_folder", "train_and_save"]

logger = logging.getLogger(__name__)

RUN_FILE = "run.json"
"""What tells the folder of an interrupted fit from any other."""

_LIBRARIES = ("torch", "timm", "onnxruntime", "scikit-learn", "numpy", "pillow")


def fit(
    data: str | Path | RecordList,
    out: str | Path,
    *,
    method: str | None = None,
    recipe: str | Path | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    **options: Any,
) -> Predictor:
    """Train a recognizer.

    Args:
        data: A folder of class folders, a CSV, a known data set, or records that `read` gave.
        out: The model folder; it appears when everything is done.
        method: ``auto`` unless the recipe names another.
        recipe: TOML file with settings.
        resume: Continue a fine-tune that was interrupted.
        overrides: ``key=value`` texts, as ``--set`` takes them.
        **options: Settings of the method by name, such as ``backbone``, ``image_size``, ``seed``.

    Raises:
        FieldmarkError: The input is wrong; the message says what to do.
    """
    out = Path(out)
    settings = build_settings(method, options, recipe=Path(recipe) if recipe else None, overrides=overrides)
    check_out(out)
    _check_run(run_folder(out), settings, resume)
    records = data if isinstance(data, RecordList) else read(data)
    if settings.classes:
        records = choose_classes(records, settings.classes)
    prepared = prepare(records, settings.seed, val_fraction=settings.val_fraction, test_fraction=settings.test_fraction)
    _tell(prepared)
    return train_and_save(prepared, settings, out, resume=resume)


def train_and_save(prepared: Prepared, settings: FitSettings, out: Path, *, resume: bool = False) -> Predictor:
    """Train on prepared records, calibrate on val, write the artifact, and load it."""
    run_dir = run_folder(out)
    photos = prepared.photos
    trained = _trained(photos, settings, run_dir, resume)
    val = photos.of_split("val")
    labels = val.labels
    free = np.array([role == "val" for role in val.roles], dtype=np.bool_)
    calibration = calibrate(trained.members, labels, free)
    manifest = _manifest(prepared, settings, trained, calibration)
    kept = ~free
    score = choose_conformity_score(
        settings.conformal, calibration.probabilities[free], labels[free], settings.coverage
    )
    manifest.guarantees = GuaranteeFacts(
        file=GUARANTEES_FILE,
        photos=int(kept.sum()),
        score=score.name,
        k_reg=score.k_reg,
        penalty=score.penalty,
        coverage=settings.coverage,
        target_accuracy=settings.target_accuracy,
    )
    tables = GuaranteeTables.of(calibration.probabilities[kept], labels[kept], manifest.hierarchy(), score)

    def complete(folder: Path, manifest: Manifest) -> Manifest:
        tables.save(folder / GUARANTEES_FILE)
        known = known_photos(
            folder / manifest.members[0].graph,
            calibration.temperatures,
            photos.records,
            trained.members,
            calibration.probabilities,
            free,
            photos.groups,
        )
        fitted = fit_openset(known, seed=settings.seed)
        fitted.state.save(folder / OPEN_SET_FILE)
        key = fitted.state.projection.key
        facts = Gallery.create(
            settings.gallery_uri or GALLERY_FOLDER,
            folder,
            gallery_rows(known.records),
            fitted.vectors,
            key,
            "photos" if settings.gallery_uri is None else f"photos-{key}",
        )
        update = {"unknown": fitted.threshold, "enrolment_gates": fitted.gates, "gallery": facts}
        return manifest.model_copy(update=update | {"open_set_state": OPEN_SET_FILE})

    save_artifact(out, manifest, trained.members, photos, complete)
    shutil.rmtree(run_dir, ignore_errors=True)
    return Predictor(out)


def _trained(photos: PhotoTable, settings: FitSettings, run_dir: Path, resume: bool) -> Trained:
    """Train the method on prepared photos."""
    from fieldmark.training.train import train

    return train(photos, settings, run_dir, resume=resume)


def run_folder(out: Path) -> Path:
    """Where the checkpoints of a fit lie until its model is written."""
    return out.with_name(out.name + ".run")


def _check_run(run_dir: Path, settings: FitSettings, resume: bool) -> None:
    """Refuse what would resume nothing, or write checkpoints into somebody's folder."""
    is_run = (run_dir / RUN_FILE).is_file()
    if resume and not settings.resumable:
        raise SettingError(f"--resume continues a fine-tune, but '{settings.method}' starts anew; leave it out")
    if resume and not is_run:
        raise SettingError(f"--resume continues the interrupted fit in {run_dir}, but there is none; leave it out")
    if run_dir.exists() and not is_run:
        raise SettingError(f"checkpoints would go to {run_dir}, but that holds something else; name another --out")


def _manifest(prepared: Prepared, settings: FitSettings, trained: Trained, calibration: Calibration) -> Manifest:
    records = prepared.photos.records
    taxonomy = {records.classes[record.label]: list(record.taxonomy) for record in records if record.taxonomy}
    return Manifest(
        fieldmark=importlib.metadata.version("fieldmark"),
        method=settings.method,
        classes=list(records.classes),
        ranks=list(records.ranks),
        taxonomy=taxonomy,
        members=[
            member_facts(index, member, temperature)
            for index, (member, temperature) in enumerate(zip(trained.members, calibration.temperatures, strict=True))
        ],
        data=_data_facts(prepared),
        settings=settings.model_dump(mode="json"),
        calibration=calibration.figures,
        scaling=calibration.scaling,
        figures={"estimate": trained.estimate, "val_top1": calibration.top1},
        steps=trained.steps,
        versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
    )


def _data_facts(prepared: Prepared) -> DataFacts:
    records = prepared.photos.records
    counts = {split: sum(record.split == split for record in records) for split in ("train", "val", "test")}
    return DataFacts(
        source=str(records.root.absolute()) if records.root else "",
        layout=records.name,
        fingerprint=prepared.photos.fingerprint,
        photos=counts,
        left_out=len(prepared.left_out),
    )


def _tell(prepared: Prepared) -> None:
    """What the doctor found, a line each."""
    records = prepared.photos.records
    counts = ", ".join(f"{len(records.of_split(split))} {split}" for split in ("train", "val", "test"))
    logger.info(f"{len(records):,} photos of {len(records.classes)} classes: {counts}")
    for finding in prepared.findings:
        level = logging.INFO if finding.severity == "note" else logging.WARNING
        logger.log(level, f"  {finding.severity}: {finding.message}")
