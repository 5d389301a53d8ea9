"""Read the photos that a model is measured on: those that the caller names, or those that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldmark.data.read import READ_OPTIONS, read
from fieldmark.errors import DataError
from fieldmark.evaluation.recorded_split import content_keys, with_recorded_labels
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList

__all__ = ["read_source"]


def read_source(recognizer: Predictor, data: str | Path | RecordList | None) -> RecordList:
    """Return the records of `data`; for None those of the data that the model was made from.

    The columns and dropped labels of the fit are used where the data have the name of the model's own. So are the new
    labels of a person's decisions: the model recorded them.

    Raises:
        DataError: The data are not there, or cannot be read.
    """
    if isinstance(data, RecordList):
        return data
    facts = recognizer.manifest.data
    source = Path(data) if data is not None else recognizer.data_place
    if data is None and not source.exists():
        raise DataError(f"the photos that the model was made from are no longer at {source}; name them as DATA")
    is_own = source.name == Path(facts.source).name
    options: dict[str, Any] = {name: value for name, value in facts.options.items() if name in READ_OPTIONS}
    records = read(source, **(options if is_own else {}))
    if not (is_own and facts.options.get("decisions")):
        return records
    return with_recorded_labels(records, content_keys(records), recognizer.split())
