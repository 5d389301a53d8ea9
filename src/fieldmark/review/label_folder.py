"""The verb ``label``: prepare the unlabelled photos of a folder for a person to label."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from fieldmark.data.photos.open_photo import content_key
from fieldmark.data.photos.photo_files import is_folder, photos_below
from fieldmark.errors import DataError, PhotoError
from fieldmark.progress import track
from fieldmark.recognizer.predictor import Predictor
from fieldmark.review.label_head import KnownVectors
from fieldmark.review.label_session import LabelPool, LabelSession
from fieldmark.review.labels_file import read_labels
from fieldmark.review.model_embeddings import ModelEmbeddings

__all__ = ["label", "labels_file"]

logger = logging.getLogger(__name__)


def label(
    folder: str | Path,
    model: str | Path | Predictor,
    *,
    out: str | Path | None = None,
    refit_every: int = 20,
    seed: int = 0,
) -> LabelSession:
    """Order the unlabelled photos of a folder by how much their labels help, with suggestions by a model.

    Photos that the model was made from are left out. The model itself does not change.

    Args:
        folder: With photos, at any depth.
        model: A model folder.
        out: The CSV of labels; one that exists is continued. None for `labels_file`.
        refit_every: Labels after which the head behind the suggestions is fitted again.
        seed: Of the draws that choose photos.

    Raises:
        DataError: The folder holds no photo to label.
        ModelError: The model cannot be loaded, or has no gallery.
    """
    place = Path(folder)
    file = Path(out) if out is not None else labels_file(place)
    read_labels(file)  # one that holds something else is found before the work
    predictor = model if isinstance(model, Predictor) else Predictor(model)
    rows, vectors = predictor.gallery.vectors()
    photos, copies, left_out = _distinct(place, {row.content for row in predictor.split()})
    embeddings = ModelEmbeddings(predictor)(photos)
    readable = np.flatnonzero(np.isfinite(embeddings).all(1))
    if not len(readable):
        raise DataError(f"none of the {len(photos):,} photos in {place} can be read: add photos to label")
    good = [photos[int(row)] for row in readable]
    pool = LabelPool(
        folder=place,
        photos=good,
        copies={photo: own for photo, own in copies.items() if own},
        vectors=predictor.open_set.state.projection(embeddings[readable]),
        known=KnownVectors(rows, vectors).thinned(),
        left_out=left_out,
        unreadable=sorted(set(photos) - set(good)),
    )
    for number, words in (
        (left_out, "left out, because the model knows them"),
        (len(pool.unreadable), "cannot be read"),
    ):
        if number:
            logger.warning(f"{number:,} of the photos in {place}: {words}")
    return LabelSession(pool, file, refit_every=refit_every, seed=seed)


def labels_file(folder: str | Path) -> Path:
    """Return the default file of labels, in the current folder: always the same one."""
    return Path(f"{Path(folder).resolve().name}-labels.csv")


def _distinct(folder: Path, known: set[str]) -> tuple[list[Path], dict[Path, list[Path]], int]:
    """Return one photo of each content, the copies of each, and how many photos are known already."""
    if not is_folder(folder):
        raise DataError(f"expected a folder of photos at {folder}, found none: check the path")
    first: dict[str, Path] = {}
    copies: dict[Path, list[Path]] = {}
    left_out = 0
    files = photos_below(folder)
    for photo in track(files, "looking for copies", len(files)):
        try:
            key = content_key(photo)
        except PhotoError:
            key = f"unreadable {photo}"
        if key in known:
            left_out += 1
        elif key in first:
            copies[first[key]].append(photo)
        else:
            first[key] = photo
            copies[photo] = []
    if not first:
        reason = f"the model knows all {left_out:,} of them" if left_out else "it holds no photos"
        raise DataError(f"the folder {folder} has nothing to label ({reason}): name a folder with other photos")
    return list(first.values()), copies, left_out
