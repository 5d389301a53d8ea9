"""Write a fitted model into its folder as a new generation; there is no pickle in it."""

from __future__ import annotations

import csv
import logging
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from fieldmark.artifact.carry_enrolled import Carried, carry_enrolled
from fieldmark.artifact.data_place import portable_path, remember_data
from fieldmark.artifact.feedback_list import carry_feedback
from fieldmark.artifact.fitted_model import FittedModel, FittedQuestion, ModelFiles, QuestionFiles
from fieldmark.artifact.gallery import GALLERY_FOLDER, TABLE, Gallery, GalleryFacts, GalleryRow
from fieldmark.artifact.generations import Change, changing, is_unfinished
from fieldmark.artifact.linear_heads import HEADS_FILE
from fieldmark.artifact.manifest import MANIFEST, Manifest
from fieldmark.artifact.val_logits import VAL_LOGITS_FILE, ValLogits
from fieldmark.atomic import require_place
from fieldmark.data.photo_table import PhotoTable
from fieldmark.errors import SettingError, without_surrogates
from fieldmark.openset.open_set_state import OPEN_SET_FILE
from fieldmark.training.member import TrainedMember

__all__ = ["SPLIT_COLUMNS", "check_out", "save_artifact"]

logger = logging.getLogger(__name__)

SPLIT_COLUMNS = ("path", "label", "split", "content")


def check_out(out: Path) -> None:
    """Refuse a place that holds something else, before hours are spent.

    Raises:
        SettingError: `out` exists and is no model, or nothing can be written there.
    """
    require_place(out)
    if out.is_file() or (out.is_dir() and not _may_hold_a_model(out)):
        raise SettingError(f"--out {out} exists and is no model folder; name a new folder")


def save_artifact(out: Path, model: FittedModel) -> None:
    """Write a model folder, or a new generation of the model in it; all of it or nothing.

    Enrolled classes of the model that was there stay where the new one still understands their vectors. Its feedback
    list stays.
    """
    check_out(out)
    with changing(out, create=True) as change:
        old = change.current
        open_set = model.open_set
        key, classes = open_set.state.projection.key, model.prepared.photos.classes
        carried = carry_enrolled(out, old, key, classes if open_set.gates else None)
        questions = [_write_question(change, each) for each in model.questions]
        manifest = model.manifest(_write_files(change, model, carried), carried.classes, questions)
        gallery = _write_gallery(out, model, carried)
        data = manifest.data
        if root := model.prepared.photos.records.root:
            remember_data(data.fingerprint, root)
            data = data.model_copy(update={"source": without_surrogates(portable_path(root, out))})
        feedback = carry_feedback(out, old)
        checksums = manifest.checksums | {one.photo: old.checksums[one.photo] for one in feedback if old}
        update = {"gallery": gallery, "data": data, "feedback": feedback, "checksums": checksums}
        change.commit(manifest.model_copy(update=update), _described(model))
    _log_replaced(out, old, carried)
    _log_feedback(out, len(feedback), model.prepared.corrections)


def _write_files(change: Change, model: FittedModel, carried: Carried) -> ModelFiles:
    members = model.trained.members
    photos = model.prepared.photos
    held_out = ValLogits(photos.of_split("val").content_keys, [member.val_logits for member in members])
    return ModelFiles(
        graphs=[change.add("model.onnx", partial(_write_graph, member)) for member in members],
        weights=[change.add("weights.safetensors", partial(_write_weights, member)) for member in members],
        split=change.add("split.csv", partial(_write_split, photos)),
        tables=change.add(model.certificate.facts.file, model.certificate.tables.save),
        open_set=change.add(OPEN_SET_FILE, model.open_set.state.save),
        val_logits=change.add(VAL_LOGITS_FILE, held_out.save) if model.trained.learned_val else None,
        checksums=change.checksums | carried.checksums,
    )


def _write_question(change: Change, question: FittedQuestion) -> QuestionFiles:
    return QuestionFiles(
        heads=change.add(HEADS_FILE, question.heads.save),
        tables=change.add(question.certificate.facts.file, question.certificate.tables.save),
        open_set=change.add(OPEN_SET_FILE, question.open_set.state.save),
    )


def _write_graph(member: TrainedMember, path: Path) -> None:
    path.write_bytes(member.graph.content)


def _write_weights(member: TrainedMember, path: Path) -> None:
    save_file({name: tensor.detach().contiguous() for name, tensor in member.graph.method.state_dict().items()}, path)


def _write_split(photos: PhotoTable, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(SPLIT_COLUMNS)
        for name, record, key in zip(photos.names, photos.records, photos.content_keys, strict=True):
            writer.writerow((name, photos.classes[record.label], record.split, key))


def _write_gallery(folder: Path, model: FittedModel, carried: Carried) -> GalleryFacts:
    """Write the gallery into the folder, or to a URI, in a table that is named after the model's projection."""
    open_set, uri = model.open_set, model.settings.gallery_uri or GALLERY_FOLDER
    key = open_set.state.projection.key
    known = open_set.known
    rows = [
        GalleryRow(name, known.classes[record.label], str(record.split))
        for name, record in zip(known.names, known.records, strict=True)
    ]
    rows += carried.rows
    vectors = np.concatenate([open_set.vectors, *carried.vectors])
    return Gallery.create(uri, folder, rows, vectors, key, f"{TABLE}-{key}")


def _described(model: FittedModel) -> str:
    count = model.prepared.corrections
    added = f" and {count} correction{'' if count == 1 else 's'}" if count else ""
    return f"fit with {model.settings.method}{added}"


def _may_hold_a_model(out: Path) -> bool:
    return (out / MANIFEST).is_file() or not any(out.iterdir()) or is_unfinished(out)


def _log_replaced(out: Path, old: Manifest | None, carried: Carried) -> None:
    """Log what the fit replaced and how to get it back, and what became of the enrolled classes."""
    if old is None:
        return
    logger.info(
        f"replaced generation {old.generation} of {out} ({old.method}, {len(old.classes)} classes); "
        f"to get it back: fieldmark rollback {out} {old.generation}"
    )
    if carried.classes:
        logger.info("kept the enrolled classes " + ", ".join(facts.label for facts in carried.classes))
    for label, reason in carried.dropped.items():
        logger.warning(f"dropped the enrolled class {label}: {reason}")


def _log_feedback(out: Path, kept: int, learned: int) -> None:
    """Log that the feedback list stays, and whether the fit learned from one."""
    if kept:
        advice = "" if learned else f"; this fit did not learn from it: add --feedback {out}"
        logger.info(f"kept the feedback list, {kept} correction{'' if kept == 1 else 's'}{advice}")
