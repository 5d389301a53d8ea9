"""``fieldmark compare``: compare methods on the same photos."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fieldmark.atomic import atomic_file, require_place
from fieldmark.compare.method_rows import build_row
from fieldmark.compare.oracle_rows import oracle_row
from fieldmark.compare.parquet_tables import PREDICTIONS, RUNS, OfMethod, write_predictions, write_runs
from fieldmark.compare.prediction_time import time_models
from fieldmark.compare.run_plan import DEFAULT_BASELINE, Entry, Spec, parse_specs, plan_entries, settings_not_taken
from fieldmark.compare.runs import Run, make_run
from fieldmark.compare.setting_changes import setting_changes
from fieldmark.compare.setting_grid import expand_grid, parse_grid
from fieldmark.compare.shared_splits import prepare_seeds
from fieldmark.compare.stored_predictions import predictions_on_test
from fieldmark.data.class_subset import choose_classes
from fieldmark.data.read import read
from fieldmark.errors import DataError, SettingError
from fieldmark.evaluation.comparison import Comparison, MethodRow
from fieldmark.methods import METHODS
from fieldmark.report.comparison.comparison_page import write_html, write_markdown
from fieldmark.report.comparison.latex_table import write_latex
from fieldmark.structures import RecordList

__all__ = ["LATEX", "MARKDOWN", "PAGE", "RESULT", "Comparison", "compare"]

logger = logging.getLogger(__name__)

RESULT = "compare.json"
PAGE = "compare.html"
MARKDOWN = "compare.md"
LATEX = "compare.tex"

_LIBRARIES = ("fieldmark", "torch", "timm", "onnxruntime", "scikit-learn", "numpy")


def compare(
    data: str | Path | RecordList,
    out: str | Path,
    *,
    methods: str | None = None,
    seeds: int = 1,
    baseline: str | None = None,
    classes: str | None = None,
    overrides: Sequence[str] = (),
    grid: Sequence[str] = (),
    **options: Any,
) -> Comparison:
    """Train methods under the same conditions, and measure them on the same test photos.

    Every method gets the same backbone, weights, image size, splits and training budget. A finished run stays in
    ``out/runs`` and is reused while its settings and data are the same, so a comparison can be made in several steps.
    The test split is opened after all fits.

    Args:
        data: A folder of class folders, a CSV, a known data set, or records of `read`.
        out: Folder for the runs, and for the result as ``compare.json``, ``.html``, ``.md`` and ``.tex``,
            ``runs.parquet`` and ``predictions.parquet``.
        methods: A comma-separated list; each as ``name``, ``name[key=value,...]`` or ``label:name[...]``. Default: all.
        seeds: Number of seeds; they count from 0.
        baseline: Label of one of the methods, or another method in the same form. Default: the fine-tuned backbone with
            average pooling and a linear layer.
        classes: See `choose_classes`.
        overrides: ``key=value`` texts for all methods that have such a setting.
        grid: ``key=value,value,...`` texts; each point of their Cartesian product is a row of its own.
        **options: Shared settings by name, such as ``backbone``, ``image_size``, ``epochs``, ``budget``.

    Raises:
        FieldmarkError: The input is not valid; the message says what to do.
    """
    if seeds < 1:
        raise SettingError(f"a comparison needs at least one seed, but got {seeds}")
    require_place(Path(out) / "runs")
    specs, base = _choose(methods, baseline, grid)
    shared = _shared(options)
    entries = plan_entries(specs, shared, overrides)
    records = data if isinstance(data, RecordList) else read(data)
    if records.further:
        logger.info(f"the comparison is about '{records.label_name}', the first question")
        records = records.first_question()
    if classes is not None:
        records = choose_classes(records, classes)
    first = entries[0].settings(0)
    numbers = range(seeds)
    prepared = prepare_seeds(records, numbers, val_fraction=first.val_fraction, test_fraction=first.test_fraction)
    test = prepared[0].photos.records.of_split("test")
    if not test:
        raise DataError("a comparison needs test photos, but the data have none: add photos or raise test_fraction")
    runs = _make_all(entries, list(numbers), prepared, Path(out) / "runs")
    predictions = _open_test(runs, test)
    timed = prepared[0].photos.records
    times, untimed = time_models(_first_models(runs), timed.of_split("val") or timed.of_split("train"))
    rows = _measure(runs, predictions, base, test, times)
    counts = {split: len(prepared[0].photos.records.of_split(split)) for split in ("train", "val", "test")}
    result = Comparison(
        methods=rows,
        baseline=base,
        classes=records.classes,
        seeds=tuple(numbers),
        photos=counts,
        source=str(records.root or ""),
        shared={name: value for name, value in shared.items() if value is not None}
        | dict(text.split("=", 1) for text in overrides),
        notes=(*settings_not_taken(entries), *([untimed] if untimed else [])),
        command=shlex.join(["fieldmark", *sys.argv[1:]]),
        versions={name: version(name) for name in _LIBRARIES},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with atomic_file(Path(out) / RESULT) as draft:
        draft.write_text(
            json.dumps(result.to_dict(), indent=1, ensure_ascii=False), encoding="utf-8", errors="backslashreplace"
        )
    write_runs(runs, predictions, base, Path(out) / RUNS)
    write_predictions(predictions, test, Path(out) / PREDICTIONS)
    write_markdown(result, Path(out) / MARKDOWN)
    write_latex(result, Path(out) / LATEX)
    write_html(result, Path(out) / PAGE)
    return result


def _choose(methods: str | None, baseline: str | None, grid: Sequence[str]) -> tuple[list[Spec], str]:
    """Return the rows, the baseline first, and the label of the baseline, which the grid does not change."""
    named = parse_specs(methods if methods is not None else ",".join(_trainable_methods()))
    specs = expand_grid(named, parse_grid(grid))
    known = {spec.label: spec for spec in (*named, *specs)}
    if baseline is not None and baseline in known:
        base = known[baseline]
    else:
        (base, *more) = parse_specs(baseline or DEFAULT_BASELINE)
        if more:
            raise SettingError(f"a comparison has one baseline, but got '{baseline}'")
    return [base, *(spec for spec in specs if spec.label != base.label)], base.label


def _trainable_methods() -> list[str]:
    """Return all methods that train on photos, with plug-ins."""
    return [name for name in METHODS if not METHODS.load(name).needs_models]


def _shared(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shared settings with a backbone and its image size: some methods have other defaults."""
    from fieldmark.backbones.factory import resolve_name

    shared = dict(options)
    shared["backbone"] = resolve_name(shared.get("backbone"))
    if shared.get("image_size") is None:
        import timm

        config = timm.get_pretrained_cfg(shared["backbone"])
        shared["image_size"] = int(config.input_size[-1]) if config else 224
    return shared


def _make_all(
    entries: Sequence[Entry], seeds: Sequence[int], prepared: Mapping[int, Any], runs: Path
) -> dict[str, list[Run]]:
    """Return label -> runs. Each seed runs with all methods before the next, so that an early stop leaves a table."""
    made: dict[str, list[Run]] = {entry.label: [] for entry in entries}
    total = len(entries) * len(seeds)
    for seed in seeds:
        for entry in entries:
            number = 1 + sum(map(len, made.values()))
            logger.info(f"run {number} of {total}: {entry.label}, seed {seed}")
            run = make_run(entry, seed, prepared[seed], runs)
            made[entry.label].append(run)
            logger.info(f"  {_told(run)}")
    return made


def _told(run: Run) -> str:
    if run.facts is None:
        return f"{run.kind}: {run.reason}"
    val = "" if run.facts.val_top1 is None else f", val top-1 {run.facts.val_top1:.1%}"
    return f"{'reused' if run.reused else 'done'}: {run.facts.seconds:.0f} s{val}"


def _open_test(runs: Mapping[str, Sequence[Run]], test: RecordList) -> OfMethod:
    """Open the test split, after all fits, and return the predictions of the finished runs."""
    return {
        label: {run.seed: predictions_on_test(run.folder, test) for run in of_method if run.facts is not None}
        for label, of_method in runs.items()
    }


def _first_models(runs: Mapping[str, Sequence[Run]]) -> dict[str, Path]:
    """Return the first finished model of each row."""
    done = {label: [run.folder for run in of_method if run.facts is not None] for label, of_method in runs.items()}
    return {label: folders[0] for label, folders in done.items() if folders}


def _measure(
    runs: Mapping[str, Sequence[Run]], predictions: OfMethod, base: str, test: RecordList, times: Mapping[str, float]
) -> tuple[MethodRow, ...]:
    """Return the rows of the table."""
    rows: list[MethodRow] = []
    for label, of_method in runs.items():
        baseline = None if label == base else predictions[base]
        row = build_row(of_method, predictions[label], baseline, len(test.classes), times.get(label))
        if rows:  # the baseline is the first
            row = replace(row, differs=setting_changes(row.settings, rows[0].settings))
        oracle = oracle_row(row, of_method, test)
        rows += [row] if oracle is None else [row, oracle]
    return tuple(rows)
