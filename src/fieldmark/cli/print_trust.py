"""Print coverage of the prediction sets and accuracy by rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from fieldmark.evaluation.guarantee_metrics import BackOff
    from fieldmark.evaluation.metrics import Metrics

__all__ = ["add_trust_rows"]


def add_trust_rows(table: Table, metrics: Metrics) -> None:
    """Add rows on prediction sets, ranks and back-off, if the model has them."""
    if metrics.set_coverage is not None and metrics.set_level is not None:
        score = f" ({metrics.set_score})" if metrics.set_score else ""
        table.add_row(f"prediction sets{score}", f"{metrics.set_size:.1f} classes on average")
        worst = sorted(metrics.set_coverage_by_class.items(), key=lambda item: item[1])[:3]
        if metrics.set_macro_coverage is not None:
            table.add_row("  mean coverage of the classes", f"{metrics.set_macro_coverage:.1%}")
        table.add_row("  lowest coverage for", ", ".join(f"{name} {share:.0%}" for name, share in worst))
        sizes = (f"{_range(part.smallest, part.largest)}: {part.coverage:.0%}" for part in metrics.set_coverage_by_size)
        table.add_row("  by size of the set", ", ".join(sizes))
    if metrics.hierarchical_error is not None:
        ranks = ", ".join(f"{rank} {share:.1%}" for rank, share in metrics.accuracy_by_rank.items())
        table.add_row("correct at rank", f"{ranks}; hierarchical error {metrics.hierarchical_error:.2f} levels")
    if metrics.back_off is not None:
        _add_back_off(table, metrics.back_off)


def _add_back_off(table: Table, found: BackOff) -> None:
    vouched = "" if found.vouched else "; too few calibration photos to guarantee that"
    right = "none" if found.right is None else f"{found.right:.1%}"
    table.add_row(
        "answers that back off",
        f"{right} correct at their rank (target {found.wanted:.0%}), {found.answered:.1%} answered" + vouched,
    )
    for part in found.by_rank:
        if part.right is not None:
            table.add_row(f"  {part.rank}", f"{part.share:.1%} of the photos, {part.right:.1%} correct")


def _range(smallest: int, largest: int) -> str:
    return str(smallest) if smallest == largest else f"{smallest} to {largest}"
