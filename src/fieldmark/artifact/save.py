"""Write an artifact: one folder with everything that an answer needs, and no pickle in it."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from safetensors.torch import save_file

from fieldmark.artifact.card import write_card
from fieldmark.artifact.checksums import checksum
from fieldmark.artifact.fitted_model import FittedModel
from fieldmark.artifact.manifest import MANIFEST
from fieldmark.atomic import atomic_folder
from fieldmark.data.photo_table import PhotoTable
from fieldmark.errors import SettingError
from fieldmark.openset.fit_openset import FittedOpenSet
from fieldmark.openset.gallery import GALLERY_FOLDER, TABLE, Gallery, GalleryFacts
from fieldmark.openset.open_set_state import OPEN_SET_FILE

__all__ = ["SPLIT_COLUMNS", "check_out", "save_artifact"]

SPLIT_COLUMNS = ("path", "label", "split", "content")


def check_out(out: Path) -> None:
    """Refuse a place that holds something else, before hours are spent.

    Raises:
        SettingError: `out` exists and is no model, or no folder can be made there.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file()):
        raise SettingError(f"--out {out} exists and is no model folder; name a new folder")
    parent = next(folder for folder in out.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise SettingError(f"--out {out} cannot be made: {parent} is no folder that may be written to; name another")


def save_artifact(out: Path, model: FittedModel) -> None:
    """Write a model folder. It appears whole or not at all, and replaces an older model there."""
    check_out(out)
    with atomic_folder(out) as folder:
        for facts, member in zip(model.members, model.trained.members, strict=True):
            (folder / facts.graph).write_bytes(member.graph.content)
            state = {name: tensor.detach().contiguous() for name, tensor in member.graph.method.state_dict().items()}
            save_file(state, folder / facts.weights)
        _write_split(folder / "split.csv", model.prepared.photos)
        model.certificate.tables.save(folder / model.certificate.facts.file)
        model.open_set.state.save(folder / OPEN_SET_FILE)
        manifest = model.manifest({path.name: checksum(path) for path in sorted(folder.iterdir())})
        (folder / "README.md").write_text(write_card(manifest), encoding="utf-8")
        gallery = _write_gallery(folder, model.open_set, model.settings.gallery_uri)
        whole = manifest.model_copy(update={"gallery": gallery})
        (folder / MANIFEST).write_text(whole.model_dump_json(indent=1), encoding="utf-8")


def _write_gallery(folder: Path, open_set: FittedOpenSet, uri: str | None) -> GalleryFacts:
    """Write the gallery into the folder, or to a URI, where the table is named after the model's projection."""
    key = open_set.state.projection.key
    table = TABLE if uri is None else f"{TABLE}-{key}"
    return Gallery.create(uri or GALLERY_FOLDER, folder, open_set.rows, open_set.vectors, key, table)


def _write_split(path: Path, photos: PhotoTable) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(SPLIT_COLUMNS)
        for name, record, key in zip(photos.names, photos.records, photos.content_keys, strict=True):
            writer.writerow((name, photos.classes[record.label], record.split, key))
