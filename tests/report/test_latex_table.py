"""The LaTeX table: every row has the columns of the header, and no name breaks it."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fieldmark.evaluation.comparison import Comparison, MethodRow
from fieldmark.evaluation.paired_tests import Difference
from fieldmark.report.comparison.latex_table import escape_latex, latex_table

_BASE = MethodRow(
    label="plain fine_tune",
    status="done",
    reason=None,
    seeds=(0, 1),
    top1=(0.5, 0.6),
    mean=0.55,
    mean_class_accuracy=0.55,
    difference=None,
    mcnemar=(),
    standing="none",
    verdict="the baseline",
    seconds=1.0,
    cpu_seconds=1.0,
    peak_bytes=1,
    parameters=3_400_000,
    ms_per_photo=None,
    class_top1=(),
    settings={},
    folders=(),
)


def _comparison(*rows: MethodRow, seeds: tuple[int, ...] = (0, 1)) -> Comparison:
    photos = {"train": 10, "val": 5, "test": 20}
    return Comparison(rows, rows[0].label, ("a", "b"), seeds, photos, "", {}, (), "", {}, "")


def _better(label: str) -> MethodRow:
    gain = Difference(0.05, 0.012, 0.091)
    return replace(_BASE, label=label, top1=(0.58, 0.62), mean=0.6, difference=gain, mcnemar=(0.03, 0.001),
                   standing="better", verdict="beats")  # fmt: skip


def test_the_rows_as_a_paper_prints_them() -> None:
    failed = replace(_BASE, label="broken", mean=None, top1=())
    lines = latex_table(_comparison(_BASE, _better("cbam"), failed)).splitlines()
    assert lines[-8:] == [
        r"\begin{tabular}{lrrrrr}",
        r"\toprule",
        r"Method & Top-1 (\%) & Range & Difference (95\% CI) & McNemar $p$ & Parameters (M) \\",
        r"\midrule",
        r"plain fine\_tune & 55.0 & 50.0--60.0 & baseline & -- & 3.40 \\",
        r"\textbf{cbam} & \textbf{60.0} & 58.0--62.0 & $+5.0$ ($+1.2$ to $+9.1$) & 0.03 & 3.40 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_one_seed_has_no_range_and_times_have_a_column() -> None:
    table = latex_table(_comparison(replace(_BASE, ms_per_photo=12.34), _BASE, seeds=(0,)))
    assert "Range" not in table
    assert r"& 3.40 & 12.3 \\" in table
    assert r"& 3.40 & -- \\" in table


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_name_breaks_a_row(name: str) -> None:
    bare = re.sub(r"\\(text\w+\{\}|[&%$#_{}])", "", escape_latex(name))
    assert not set(bare) & set("\\&%$#_{}~^\n\r")
    rows = [line for line in latex_table(_comparison(_BASE, _better(name))).split("\n") if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {5}
