"""The verb ``review``: find what a person should look at in a data set."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fieldmark.check.embed_data import Embed
from fieldmark.check.inspect_data import inspect_data
from fieldmark.data.read import read
from fieldmark.recognizer.predictor import Predictor
from fieldmark.review.model_embeddings import ModelEmbeddings
from fieldmark.review.review_session import ReviewSession
from fieldmark.structures import RecordList

__all__ = ["decisions_file", "review"]

logger = logging.getLogger(__name__)


def review(
    data: str | Path | RecordList,
    model: str | Path | Predictor | None = None,
    *,
    decisions: str | Path | None = None,
    fast: bool = False,
    seed: int = 0,
    embed: Embed | None = None,
    **options: Any,
) -> ReviewSession:
    """Find duplicates, suspect labels, leaks between splits, small classes and bad files, for a person to decide.

    Args:
        data: A data set, or records that `fieldmark.read` returned with the decisions in the file, if it exists.
        model: A model folder whose embeddings judge the labels; None for the bundled EfficientNet-Lite0.
        decisions: The CSV of decisions; one that exists is continued. None for `decisions_file`.
        fast: Leave out what needs embeddings: suspect labels, and duplicates that only embeddings show.
        seed: Seed of the folds in which labels are checked.
        embed: Computes embeddings, instead of a model.
        **options: Options of `fieldmark.read`, such as ``label_col``.

    Raises:
        DataError: The data or the decisions cannot be read.
        ModelError: The model cannot be loaded.
    """
    file = Path(decisions) if decisions is not None else decisions_file(data)
    if isinstance(data, RecordList):
        records = data
    else:
        records = read(data, decisions=file if file.is_file() else None, **options)
    if model is not None:
        predictor = model if isinstance(model, Predictor) else Predictor(model)
        embed = ModelEmbeddings(predictor)
    found = inspect_data(records, deep=not fast, seed=seed, embed=embed)
    if model is not None and predictor.manifest.val_logits is None:
        known = {row.content for row in predictor.split()}
        shared = sum(facts.content_key in known for facts in found.seen.facts)
        if shared:
            logger.warning(
                f"{predictor.path} may have learned the wrong labels of {shared:,} of these photos: if its network was "
                "trained on them, leave --model out"
            )
    return ReviewSession(found, file)


def decisions_file(data: str | Path | RecordList) -> Path:
    """Return the default file of decisions about a data set, in the current folder: always the same one."""
    place = data.root if isinstance(data, RecordList) else Path(data)
    resolved = (place or Path("photos")).resolve()
    return Path(f"{resolved.stem if resolved.is_file() else resolved.name}-decisions.csv")
