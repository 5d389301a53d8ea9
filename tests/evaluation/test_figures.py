"""Figures: what they show, that they follow the page's colours, and that they leave matplotlib's settings alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from fieldmark.evaluation.comparison import MethodRow
from fieldmark.evaluation.confused_block import mistakes_within, most_confused_block
from fieldmark.evaluation.figure_style import PALETTE, to_svg
from fieldmark.evaluation.figures import (
    accuracy_scale,
    confusion_figure,
    coverage_figure,
    loss_figure,
    methods_figure,
    reliability_figure,
)
from fieldmark.evaluation.intervals import Interval, proportion
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.reliability import Bin, CoverageLevel

BINS = [Bin(0.55, proportion(1, 4), 4), Bin(0.95, proportion(90, 100), 100)]


def _predictions(labels: list[int], predicted: list[int], num_classes: int) -> Predictions:
    return Predictions(np.eye(num_classes)[predicted] * 0.9 + 0.1 / num_classes, np.array(labels))


def _row(label: str, *top1: float) -> MethodRow:
    empty = dict.fromkeys(MethodRow.__slots__)
    return MethodRow(**empty | {"label": label, "top1": top1, "mean": float(np.mean(top1))})


def _figures() -> dict[str, Figure]:
    return {
        "reliability": reliability_figure(BINS),
        "coverage": coverage_figure([CoverageLevel(0.9, Interval(0.92, 0.88, 0.95), 1.4)]),
        "confusion": confusion_figure(_predictions([0, 0, 1, 1], [0, 1, 1, 1], 2), ["crow", "raven"]),
        "loss": loss_figure(
            [{"train_loss": [2.0, 1.0, 0.5], "val_loss": [2.1, 1.4, 1.3], "val_top1": [0.4, 0.5, 0.6]}]
        ),
        "methods": methods_figure([_row("plain", 0.7, 0.72), _row("better", 0.8)], "plain"),
    }


@pytest.mark.parametrize("name", ["reliability", "coverage", "confusion", "loss", "methods"])
def test_svg_is_well_formed_deterministic_and_follows_the_page(name: str) -> None:
    text = to_svg(_figures()[name], f"a figure of <{name}>")
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == f"a figure of <{name}>"
    assert list(root.iter("text"))  # text stays text
    assert text == to_svg(_figures()[name], f"a figure of <{name}>")
    colours = set(re.findall(r"#[0-9a-f]{6}", text))
    assert colours <= set(PALETTE.values())
    assert all(f", {colour})" in text for colour in colours)
    assert not re.search(r"https?:|url\(|<metadata", text)


def test_names_are_shown_as_they_are() -> None:
    names = ["<b>&", "$x^2$ \N{PILCROW SIGN} \u4e4c\u9e26"]
    text = to_svg(confusion_figure(_predictions([0, 0, 1], [0, 1, 1], 2), names), "confusion")
    shown = ["".join(one.itertext()) for one in ElementTree.fromstring(text).iter("text")]
    assert set(names) <= set(shown)
    titles = [one.text for one in ElementTree.fromstring(text).iter("title")]
    assert titles == [f"1 of 2 {names[0]} predicted as {names[0]}", f"1 of 2 {names[0]} predicted as {names[1]}",
                      f"1 of 1 {names[1]} predicted as {names[1]}"]  # fmt: skip


def test_many_classes_show_the_block_that_is_confused_most() -> None:
    """A chain of classes is confused, 40 with 41, 41 with 42 and so on: the block holds them in the chain's order."""
    labels = [label for label in range(200) for _ in range(4)]
    predicted = [label + (place % 4 < 2) * (40 <= label < 50) for place, label in enumerate(labels)]
    predictions = _predictions(labels, predicted, 200)
    names = [
        tick.get_text()
        for tick in confusion_figure(predictions, [f"class {label}" for label in range(200)]).axes[0].get_yticklabels()
    ]
    chain = [f"class {label}" for label in range(40, 51)]
    assert names in (chain, chain[::-1])
    block = most_confused_block(predictions, 200)
    assert mistakes_within(predictions, block) == 20


def test_a_block_has_at_most_twenty_classes_and_the_largest_mistakes() -> None:
    """Of 60 pairs, the ones with the most mistakes are chosen, and partners stand side by side."""
    labels, predicted = [], []
    for pair in range(60):
        times = 1 + pair % 30
        labels += [2 * pair] * times + [2 * pair + 1]
        predicted += [2 * pair + 1] * times + [2 * pair + 1]
    block = most_confused_block(_predictions(labels, predicted, 120), 120)
    assert {label // 2 for label in block} == {*range(25, 30), *range(55, 60)}
    assert all(one // 2 == other // 2 for one, other in zip(block[::2], block[1::2], strict=True))


def test_few_classes_keep_their_order_and_no_mistakes_make_no_error() -> None:
    assert most_confused_block(_predictions([3, 1, 0], [1, 1, 0], 5), 5) == [0, 1, 3]
    perfect = list(range(100))
    assert len(most_confused_block(_predictions(perfect, perfect, 100), 100)) == 4


def test_dots_are_at_their_values() -> None:
    axes = reliability_figure(BINS).axes[0]
    dots = [line.get_xydata()[0].tolist() for line in axes.lines if line.get_marker() == "o"]
    assert dots == [[one.confidence, one.accuracy.value] for one in BINS]
    methods = methods_figure([_row("plain", 0.6, 0.7), _row("up", 0.8)], "plain").axes[0]
    assert [tick.get_text() for tick in methods.get_yticklabels()] == ["up", "plain"]
    dots = [line.get_xydata()[0].tolist() for line in methods.lines if line.get_marker() == "o"]
    assert dots == [pytest.approx([0.8, 0]), pytest.approx([0.65, 1])]


def test_close_methods_get_a_scale_that_keeps_them_apart() -> None:
    assert accuracy_scale([0.8, 0.82]) == pytest.approx((0.7, 0.85, 0.05))
    assert accuracy_scale([0.2, 0.9]) == pytest.approx((0.0, 1.0, 0.2))
    assert accuracy_scale([1.0, 1.0]) == pytest.approx((0.9, 1.0, 0.05))


def test_matplotlib_settings_stay_as_they_are() -> None:
    before = dict(mpl.rcParams)
    for figure in _figures().values():
        to_svg(figure, "")
    assert dict(mpl.rcParams) == before
