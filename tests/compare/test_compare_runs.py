"""A comparison from end to end: real fits in their own processes, in several steps."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fieldmark.compare import one_run, runs
from fieldmark.compare.run_plan import parse_specs, plan_entries
from fieldmark.compare.runs import make_run, run_name
from fieldmark.compare.shared_splits import prepare_seeds
from fieldmark.data.read import read

pytestmark = pytest.mark.long

PROBES = "linear_probe,gem:linear_probe[poolings=gem],part_rcnn"


@pytest.fixture(scope="module")
def result(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of two frozen heads at 64 px, and one method that cannot use the data.

    One run has its own process, as all have; the others save the seconds that a process takes to start.
    """
    from fieldmark.compare.study import compare

    out, in_own_process = tmp_path_factory.mktemp("comparison"), runs._in_own_process
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_in_own_process", lambda job: _run(job, in_own_process))
        compare(birds, out, methods=PROBES, baseline="linear_probe", image_size=64)
    return out


def _run(job: one_run.Job, in_own_process: Callable[[one_run.Job], int]) -> int:
    return in_own_process(job) if job.out.name == "gem-0" else one_run.run(job)


def _methods(out: Path) -> dict[str, dict[str, object]]:
    return {line["label"]: line for line in json.loads((out / "compare.json").read_text())["methods"]}


def test_accuracy_is_that_of_evaluate(result: Path, command: Callable[..., object]) -> None:
    lines = _methods(result)
    assert lines["linear_probe"]["status"] == lines["gem"]["status"] == "done"
    printed = command("evaluate", result / "runs" / "gem-0", "--json", "--rows", result / "rows.csv")
    assert json.loads(printed.out)["top1_accuracy"] == pytest.approx(lines["gem"]["mean"])  # type: ignore[attr-defined]


def test_skipped_methods_are_listed_with_a_reason(result: Path) -> None:
    line = _methods(result)["part_rcnn"]
    assert line["status"] == "skipped"
    assert line["reason"]
    assert line["mean"] is None


def test_the_facts_of_a_run_are_those_of_its_own_process(result: Path) -> None:
    facts = json.loads((result / "runs" / "gem-0" / "run.json").read_text())
    assert facts["settings"]["image_size"] == 64
    assert facts["peak_bytes"] > 100 * 2**20  # a process with torch in it
    assert facts["cpu_seconds"] > 0
    assert facts["parameters"] > 1_000_000
    assert not list((result / "runs").glob("*.run"))


def test_the_page_lists_every_method_and_needs_no_other_file(result: Path) -> None:
    page = (result / "compare.html").read_text(encoding="utf-8")
    for label in ("linear_probe", "gem", "part_rcnn"):
        assert label in page
    for outside in ("http://", "https://", "<script src"):
        assert outside not in page
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page) == []
    assert page.count("<svg") == page.count("</svg>") >= 1


def test_the_tables_hold_every_run_and_every_test_prediction(result: Path) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    lines = _methods(result)
    runs = pq.read_table(result / "runs.parquet").to_pylist()
    assert [(run["method"], run["seed"], run["status"]) for run in runs] == [
        ("linear_probe", 0, "done"),
        ("gem", 0, "done"),
        ("part_rcnn", 0, "skipped"),
    ]
    assert runs[2]["top1"] is None
    assert runs[2]["reason"] == lines["part_rcnn"]["reason"]
    difference = lines["gem"]["difference"]
    assert isinstance(difference, dict)
    assert (runs[1]["difference"], runs[1]["difference_low"], runs[1]["difference_high"]) == tuple(difference.values())
    assert [runs[1]["mcnemar_p"]] == lines["gem"]["mcnemar"]
    assert json.loads(runs[1]["settings"])["poolings"] == ["gem"]
    table = pq.read_table(result / "predictions.parquet")
    content = json.loads((result / "compare.json").read_text())
    assert table.num_rows == 2 * content["photos"]["test"]
    assert json.loads(table.schema.metadata[b"classes"]) == content["classes"]
    for method in ("linear_probe", "gem"):
        rows = table.filter(pc.equal(table["method"], method)).to_pylist()
        assert sum(row["correct"] for row in rows) / len(rows) == pytest.approx(lines[method]["mean"])
        assert all(row["correct"] == (row["label"] == row["prediction"]) == (row["label_rank"] == 1) for row in rows)
        assert all(row["label_probability"] <= row["confidence"] for row in rows)
        assert {row["path"].split("/")[0] for row in rows} == {row["label"] for row in rows}


def test_the_tables_for_papers_hold_the_rows(result: Path) -> None:
    line = _methods(result)["gem"]
    markdown = (result / "compare.md").read_text(encoding="utf-8")
    latex = (result / "compare.tex").read_text(encoding="utf-8")
    assert f"| gem | {100 * line['mean']:.1f}%" in markdown  # type: ignore[operator]
    assert "- gem: poolings gem (baseline" in markdown
    assert f"gem & {100 * line['mean']:.1f} & $" in latex  # type: ignore[operator]
    assert "linear\\_probe &" in latex
    assert [change["name"] for change in line["differs"]] == ["poolings"]  # type: ignore[attr-defined]


def test_a_finished_run_is_reused_until_its_settings_change(
    result: Path, birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare_seeds(read(birds), [0], val_fraction=0.1, test_fraction=0.2)[0]
    options = {"backbone": "tf_efficientnet_lite0", "image_size": 64}
    (entry,) = plan_entries(parse_specs("gem:linear_probe[poolings=gem]"), options)
    (other,) = plan_entries(parse_specs("gem:linear_probe[poolings=gem,folds=3]"), options)
    asked = []
    monkeypatch.setattr(runs, "_in_own_process", lambda job: asked.append(job) or 1)
    assert make_run(entry, 0, prepared, result / "runs").reused
    assert asked == []
    make_run(other, 0, prepared, result / "runs")
    assert asked[0].settings["folds"] == 3


def test_a_crashed_run_does_not_end_the_comparison(
    birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare_seeds(read(birds), [0], val_fraction=0.1, test_fraction=0.2)[0]
    (entry,) = plan_entries(parse_specs("linear_probe"), {})
    caches, shared = [], os.environ["FIELDMARK_CACHE"]

    def killed(job: one_run.Job) -> int:
        caches.append(Path(os.environ["FIELDMARK_CACHE"]))
        (caches[0] / "features").mkdir()
        return -9

    monkeypatch.setattr(runs, "_in_own_process", killed)
    run = make_run(entry, 0, prepared, tmp_path)
    assert not caches[0].exists()
    assert os.environ["FIELDMARK_CACHE"] == shared
    assert (run.kind, run.facts) == ("failed", None)
    assert run.reason == "the process was ended by signal 9; signal 9 usually means that memory ran out"


def test_every_seed_has_its_own_val_split_and_all_share_the_test_split(birds: Path) -> None:
    prepared = prepare_seeds(read(birds), [0, 1], val_fraction=0.1, test_fraction=0.2)
    splits = [{record.path: record.split for record in one.photos.records} for one in prepared.values()]
    tests, vals = (
        [{path for path, found in split.items() if found == wanted} for split in splits] for wanted in ("test", "val")
    )
    assert tests[0] == tests[1]
    assert len(tests[0]) > 0
    assert vals[0] != vals[1]
    assert prepared[0].photos.fingerprint != prepared[1].photos.fingerprint


def test_different_labels_have_different_folder_names() -> None:
    labels = ["a b", "a-b", "a[b]", "ä", "ö", "cbam"]
    names = [run_name(label, 0) for label in labels]
    assert len(set(names)) == len(labels)
    assert names[-1] == "cbam-0"
    assert all(name.isascii() and "/" not in name for name in names)


def test_unreadable_photos_count_as_wrong() -> None:
    from fieldmark.evaluation.labelled_predictions import Predictions

    table = np.array([[0.9, 0.1], [np.nan, np.nan], [0.2, 0.8]], dtype=np.float32)
    assert Predictions(table, np.array([0, 0, 1])).correct.tolist() == [True, False, True]
