"""The table of ``fieldmark evaluate --retrieval``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldmark.evaluation.retrieve import Retrieval

__all__ = ["print_retrieval"]


def print_retrieval(found: Retrieval, split: str) -> None:
    """Print the retrieval figures to stderr."""
    from rich.table import Table

    from fieldmark.progress import console

    metrics = found.metrics
    which = "of classes that the model has never seen" if found.unseen_classes else f"{split}, of classes that it knows"
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("photos", f"{metrics.num_images:,} of {metrics.num_classes:,} classes ({which})")
    table.add_row("Recall@1", f"[bold]{metrics.recall_at_1:.1%}[/bold]")
    others = (metrics.recall_at_2, metrics.recall_at_4, metrics.recall_at_8)
    table.add_row("Recall@2, 4, 8", ", ".join(f"{recall:.1%}" for recall in others))
    table.add_row("R-precision", f"{metrics.r_precision:.1%}")
    table.add_row("MAP@R", f"{metrics.map_at_r:.1%}")
    console.print(table)
