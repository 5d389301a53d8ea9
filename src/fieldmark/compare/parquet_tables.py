"""A comparison as Parquet: one row for each run, and one for each test photo of each run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.atomic import atomic_file
from fieldmark.compare.runs import Run
from fieldmark.data.relative_path import relative_path
from fieldmark.errors import without_surrogates
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.paired_tests import mcnemar_exact, paired_bootstrap
from fieldmark.structures import RecordList

__all__ = ["PREDICTIONS", "RUNS", "write_predictions", "write_runs"]

RUNS = "runs.parquet"
PREDICTIONS = "predictions.parquet"

OfMethod = Mapping[str, Mapping[int, Predictions]]
"""Label -> seed -> predictions of a finished run."""


def write_runs(runs: Mapping[str, Sequence[Run]], predictions: OfMethod, baseline: str, out: Path) -> None:
    """Write one row for each method and seed. The difference is from the baseline's run with the same seed.

    Args:
        runs: Label -> runs, also those that did not finish.
        predictions: Of the finished ones.
        baseline: Label of the baseline.
        out: The file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        _run_row(run, predictions[label].get(run.seed), _rival(predictions, baseline, label, run.seed))
        for label, of_method in runs.items()
        for run in of_method
    ]
    text, real, whole = pa.string(), pa.float64(), pa.int64()
    kinds = {
        **{"method": text, "seed": whole, "status": text, "reason": text, "photos": whole, "top1": real},
        **{"mean_class_accuracy": real, "difference": real, "difference_low": real, "difference_high": real},
        **{"mcnemar_p": real, "val_top1": real, "seconds": real, "cpu_seconds": real, "peak_bytes": whole},
        **{"parameters": whole, "settings": text, "folder": text},
    }
    with atomic_file(out) as draft:
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items()))), draft)


def write_predictions(predictions: OfMethod, test: RecordList, out: Path) -> None:
    """Write one row for each test photo of each finished run; an unreadable photo has no prediction.

    Each run is one row group, so that a reader can take runs one by one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [without_surrogates(name) for name in test.classes]
    paths = pa.array([without_surrogates(relative_path(record.path, test.root)) for record in test])
    category = pa.dictionary(pa.int32(), pa.string())
    kinds = {
        **{"method": category, "seed": pa.int64(), "path": pa.string(), "label": category, "prediction": category},
        **{"correct": pa.bool_(), "confidence": pa.float32(), "label_probability": pa.float32()},
        "label_rank": pa.int32(),
    }
    schema = pa.schema(list(kinds.items()), metadata={"classes": json.dumps(names)})
    with atomic_file(out) as draft, pq.ParquetWriter(draft, schema) as writer:
        for label, of_method in predictions.items():
            for seed, found in of_method.items():
                unread, count = ~found.readable, len(found)
                columns = (
                    pa.array([label] * count, category.value_type).dictionary_encode(),
                    pa.array(np.full(count, seed)),
                    paths,
                    _named(found.labels, names, np.zeros(count, dtype=bool)),
                    _named(found.predicted, names, unread),
                    pa.array(found.correct),
                    pa.array(found.confidence.astype(np.float32), mask=unread),
                    pa.array(found.label_probability.astype(np.float32), mask=unread),
                    pa.array(found.label_rank.astype(np.int32), mask=unread),
                )
                writer.write_table(pa.table(list(columns), schema=schema))


def _named(labels: np.ndarray[Any, Any], names: Sequence[str], missing: np.ndarray[Any, Any]) -> Any:
    import pyarrow as pa

    indices = pa.array(np.where(missing, 0, labels).astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names))


def _rival(predictions: OfMethod, baseline: str, label: str, seed: int) -> Predictions | None:
    return None if label == baseline else predictions.get(baseline, {}).get(seed)


def _run_row(run: Run, found: Predictions | None, rival: Predictions | None) -> dict[str, Any]:
    row: dict[str, Any] = {"method": run.label, "seed": run.seed, "status": run.kind, "reason": run.reason}
    row["folder"] = without_surrogates(str(run.folder))
    if run.facts is not None:
        facts = run.facts
        row |= {
            name: getattr(facts, name) for name in ("val_top1", "seconds", "cpu_seconds", "peak_bytes", "parameters")
        }
        row["settings"] = json.dumps(facts.settings, ensure_ascii=True)
    if found is not None:
        by_class = [found.correct[found.labels == label].mean() for label in np.unique(found.labels)]
        row |= {
            "photos": len(found),
            "top1": float(found.correct.mean()),
            "mean_class_accuracy": float(np.mean(by_class)),
        }
    if found is not None and rival is not None:
        gain = paired_bootstrap(found.correct[None], rival.correct[None])
        row |= {"difference": gain.mean, "difference_low": gain.low, "difference_high": gain.high}
        row["mcnemar_p"] = mcnemar_exact(found.correct, rival.correct)
    return row
