"""The result of a check, as a table for people and as JSON for scripts."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fieldmark.data.quality.findings import Example, Finding
from fieldmark.structures import RecordList

__all__ = ["CheckReport", "count_splits", "render"]

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
_EXAMPLES_SHOWN = 5


@dataclass(frozen=True)
class CheckReport:
    """The result of `check`.

    Attributes:
        name: Layout of the data set.
        root: Its folder or file.
        num_photos: Number of photos, with the unusable ones.
        splits: Split -> number of photos; photos without a split count under ``none``.
        deep: Whether embeddings were compared and labels checked.
        findings: The most severe first.
        usable: Photos that can be used.
    """

    name: str
    root: Path | None
    num_photos: int
    splits: dict[str, int]
    deep: bool
    findings: tuple[Finding, ...]
    usable: RecordList

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``check --json`` prints, with every example."""
        return {
            "name": self.name,
            "root": None if self.root is None else str(self.root),
            "num_photos": self.num_photos,
            "num_usable": len(self.usable),
            "num_classes": len(self.usable.classes),
            "splits": self.splits,
            "deep": self.deep,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def count_splits(records: RecordList) -> dict[str, int]:
    """Count photos in each split, in the usual order."""
    counts = Counter(record.split or "none" for record in records)
    return {split: counts[split] for split in ("train", "val", "test", "none") if split in counts}


def render(report: CheckReport, examples: int | None = _EXAMPLES_SHOWN) -> RenderableType:
    """Render a report as a table of findings with examples, for a rich console.

    Args:
        report: The report.
        examples: Number of examples for each finding; None shows all.
    """
    parts: list[RenderableType] = [Text(_headline(report), style="bold")]
    if not report.findings:
        return Group(*parts, Text("no problems found", style="green"))
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("severity", "finding", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in report.findings:
        style = _STYLES[finding.severity]
        table.add_row(Text(finding.severity, style=style), Text(finding.message), Text(finding.action))
    parts += [Text(), table]
    for finding in report.findings:
        parts += [Text(), *_example_lines(finding, report.root, examples)]
    return Group(*parts)


def _headline(report: CheckReport) -> str:
    usable = len(report.usable)
    photos = f"{report.num_photos:,} photos"
    left_out = f", {report.num_photos - usable:,} of them left out" if usable < report.num_photos else ""
    named = {split: count for split, count in report.splits.items() if split != "none"}
    splits = "; " + ", ".join(f"{split} {count:,}" for split, count in named.items()) if named else ""
    return f"{photos} of {len(report.usable.classes):,} classes ({report.name}){left_out}{splits}"


def _example_lines(finding: Finding, root: Path | None, limit: int | None) -> list[Text]:
    lines = [Text(finding.message, style=_STYLES[finding.severity])]
    lines += [_example_line(example, root) for example in finding.examples[:limit]]
    more = 0 if limit is None else len(finding.examples) - limit
    if more > 0:
        lines.append(Text(f"  … {more:,} more (all of them with --limit all)", style="dim"))
    return lines


def _example_line(example: Example, root: Path | None) -> Text:
    named = example.paths and all(path in example.detail for path in example.paths)
    words = example.detail if named else "  ".join(filter(None, (" = ".join(example.paths), example.detail)))
    folder = "" if root is None else f"{root if root.is_dir() else root.parent}{os.sep}"
    return Text("  " + (words.replace(folder, "") if folder else words))
