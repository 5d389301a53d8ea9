"""Write the learning curve and the advice of ``fieldmark advise`` as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fieldmark.evaluation.data_limits import DataLimit
from fieldmark.evaluation.figures import learning_curve_figure
from fieldmark.evaluation.learning_curve import LearningCurve
from fieldmark.report.page import chart, write_page

__all__ = ["write_advice"]


def write_advice(
    curve: LearningCurve,
    limits: Sequence[DataLimit],
    next_steps: Sequence[str],
    data: str,
    photos: int,
    out: Path,
) -> None:
    """Write a page that needs no other file.

    Args:
        curve: Accuracy against the number of photos.
        limits: What limits the accuracy in the data.
        next_steps: What to do, the first step first.
        data: The data set.
        photos: Number of photos that were used.
        out: The HTML file.
    """
    write_page(
        out,
        "advice.html.j2",
        subject=data,
        curve=curve,
        limits=limits,
        next_steps=next_steps,
        photos=photos,
        figure=chart(learning_curve_figure(curve), "Accuracy against photos per class"),
        facts=[
            ("data", data),
            ("written by", f"Fieldmark {version('fieldmark')}"),
            ("written", datetime.now(UTC).isoformat(timespec="minutes")),
        ],
    )
