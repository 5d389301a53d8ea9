"""The table in words: what is said of a method, and that nothing is said that the figures do not hold."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fieldmark.compare.answers import Answers
from fieldmark.compare.method_table import Line, build_line
from fieldmark.compare.one_run import Facts
from fieldmark.compare.runs import Run
from fieldmark.compare.study import Comparison
from fieldmark.report.comparison.comparison_page import summary, write_html, write_markdown
from fieldmark.report.comparison.dot_plot import draw_chart

LABELS = np.repeat(np.arange(4), 50)


def _answers(hits: np.ndarray) -> Answers:
    table = np.full((len(LABELS), 4), 0.01, dtype=np.float32)
    table[np.arange(len(LABELS)), np.where(hits, LABELS, (LABELS + 1) % 4)] = 0.9
    return Answers(table, LABELS)


def _runs(label: str, **settings: object) -> list[Run]:
    facts = Facts("fine_tune", settings | {"epochs": 6}, "f", 10.0, 8.0, 2**30, 10**6, 5.0, 0.8, "0.1.0")
    return [Run(label, seed, Path("runs") / label, facts) for seed in (0, 1)]


def _line(label: str, share: float, baseline: dict[int, Answers] | None) -> tuple[Line, dict[int, Answers]]:
    """A method that is right on the first `share` of each class's photos."""
    hits = np.tile(np.arange(50) < 50 * share, 4)
    answers = {0: _answers(hits), 1: _answers(hits)}
    return build_line(_runs(label), answers, baseline, 4), answers


@pytest.fixture
def result() -> Comparison:
    base, answers = _line("plain", 0.6, None)
    lines = [base, *(_line(label, share, answers)[0] for label, share in (("up", 0.8), ("even", 0.62), ("down", 0.4)))]
    missing = Run("a|b <i>", 0, Path("x"), None, "skipped", "it needs boxes")
    lines.append(build_line([missing, replace(missing, seed=1)], {}, answers, 4))
    return Comparison(
        tuple(lines), "plain", ("a", "b", "c", "d"), (0, 1), {"train": 9, "test": 200}, "/photos",
        {"epochs": 6}, (), "fieldmark compare", {"fieldmark": "0.1.0"}, "2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def test_verdicts_are_those_of_the_interval(result: Comparison) -> None:
    verdicts = {line.label: line.verdict for line in result.lines}
    assert verdicts["plain"] == "the baseline"
    assert verdicts["up"].startswith("beats the baseline, +20.0 points (95 %: +")
    assert verdicts["even"].startswith("does not beat the baseline: +2.0 points")
    assert verdicts["even"].endswith("may be chance (McNemar p 0.12)")  # four photos against none
    assert verdicts["down"].startswith("worse than the baseline, -20.0 points")
    assert verdicts["a|b <i>"] == "no result"


def test_the_summary_counts_only_what_is_better_by_more_than_chance(result: Comparison) -> None:
    assert summary(result) == "1 of 3 beats the baseline, plain, on these photos by more than chance: up."
    without = replace(result, lines=tuple(line for line in result.lines if line.label != "up"))
    assert summary(without) == "None of 2 methods beats the baseline, plain, on these photos."


def test_one_reason_that_holds_for_all_seeds_stands_once(result: Comparison) -> None:
    assert result.lines[-1].reason == "it needs boxes"
    assert result.lines[-1].status == "skipped"


def test_the_page_is_well_formed_and_escapes_names(result: Comparison, tmp_path: Path) -> None:
    write_html(result, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "a|b &lt;i&gt;" in page
    open_tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "br"):
                open_tags.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Tags().feed(page)
    assert open_tags == []


def test_the_markdown_table_has_one_shape(result: Comparison, tmp_path: Path) -> None:
    write_markdown(result, tmp_path / "table.md")
    rows = [line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(result.lines)
    assert {row.replace("\\|", "").count("|") for row in rows} == {rows[0].count("|")}


def test_dots_lie_where_their_values_are(result: Comparison) -> None:
    chart = draw_chart([line for line in result.lines if line.mean is not None], "plain")
    assert chart is not None
    assert [dot.label for dot in chart.dots] == ["up", "even", "plain", "down"]
    ticks = [(x, float(text.rstrip(" %"))) for x, text in chart.ticks]
    values = [float(dot.value.rstrip(" %")) for dot in chart.dots]
    at = np.interp(values, [value for _, value in ticks], [x for x, _ in ticks])
    assert [dot.x for dot in chart.dots] == pytest.approx(list(at), abs=0.2)
    assert chart.baseline == chart.dots[2].x
    assert all(0 <= dot.low <= dot.x <= dot.high <= chart.width for dot in chart.dots)


def test_close_methods_get_a_scale_that_parts_them() -> None:
    base, answers = _line("plain", 0.8, None)
    chart = draw_chart([base, _line("other", 0.82, answers)[0]], "plain")
    assert chart is not None
    assert chart.ticks[0][1] == "70 %"
    assert chart.dots[0].x - chart.dots[1].x > 0.02 * chart.width
    assert draw_chart([], "plain") is None
