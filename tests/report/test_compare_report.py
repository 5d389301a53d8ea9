"""The comparison page makes no claim that its numbers do not support."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fieldmark.compare.method_rows import build_row
from fieldmark.compare.one_run import Facts
from fieldmark.compare.runs import Run
from fieldmark.evaluation.comparison import Comparison, MethodRow
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.report.comparison.comparison_page import summary, write_html, write_markdown

LABELS = np.repeat(np.arange(4), 50)


def _answers(hits: np.ndarray) -> Predictions:
    table = np.full((len(LABELS), 4), 0.01, dtype=np.float32)
    table[np.arange(len(LABELS)), np.where(hits, LABELS, (LABELS + 1) % 4)] = 0.9
    return Predictions(table, LABELS)


def _runs(label: str, **settings: object) -> list[Run]:
    facts = Facts("fine_tune", settings | {"epochs": 6}, "f", 10.0, 8.0, 2**30, 10**6, 0.8, "0.1.0")
    return [Run(label, seed, Path("runs") / label, facts) for seed in (0, 1)]


def _row(label: str, share: float, baseline: dict[int, Predictions] | None) -> tuple[MethodRow, dict[int, Predictions]]:
    """A method that is right on the first `share` of each class's photos."""
    hits = np.tile(np.arange(50) < 50 * share, 4)
    answers = {0: _answers(hits), 1: _answers(hits)}
    return build_row(_runs(label), answers, baseline, 4), answers


@pytest.fixture
def result() -> Comparison:
    base, answers = _row("plain", 0.6, None)
    lines = [base, *(_row(label, share, answers)[0] for label, share in (("up", 0.8), ("even", 0.62), ("down", 0.4)))]
    missing = Run("a|b <i>", 0, Path("x"), None, "skipped", "it needs boxes")
    lines.append(build_row([missing, replace(missing, seed=1)], {}, answers, 4))
    return Comparison(
        tuple(lines), "plain", ("a", "b", "c", "d"), (0, 1), {"train": 9, "test": 200}, "/photos",
        {"epochs": 6}, (), "fieldmark compare", {"fieldmark": "0.1.0"}, "2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def test_verdicts_follow_the_interval(result: Comparison) -> None:
    verdicts = {line.label: line.verdict for line in result.methods}
    assert verdicts["plain"] == "the baseline"
    assert verdicts["up"].startswith("beats the baseline, +20.0 points (95% CI +")
    assert verdicts["even"].startswith("does not beat the baseline: +2.0 points")
    assert verdicts["even"].endswith("may be chance (McNemar p 0.12)")  # four photos against none
    assert verdicts["down"].startswith("worse than the baseline, -20.0 points")
    assert verdicts["a|b <i>"] == "no result"


def test_the_summary_counts_only_what_is_better_by_more_than_chance(result: Comparison) -> None:
    assert summary(result) == "1 of 3 beats the baseline, plain, on these photos by more than chance: up."
    without = replace(result, methods=tuple(line for line in result.methods if line.label != "up"))
    assert summary(without) == "None of 2 methods beats the baseline, plain, on these photos."


def test_a_reason_that_all_seeds_share_is_given_once(result: Comparison) -> None:
    assert result.methods[-1].reason == "it needs boxes"
    assert result.methods[-1].status == "skipped"


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
    assert len(rows) == 2 + len(result.methods)
    assert {row.replace("\\|", "").count("|") for row in rows} == {rows[0].count("|")}
