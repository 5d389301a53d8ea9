"""A comparison as one HTML page, and as a Markdown table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fieldmark.atomic import atomic_file
from fieldmark.evaluation.comparison import Comparison, MethodRow, SettingChange
from fieldmark.evaluation.figures import methods_figure
from fieldmark.report.hidden_folders import folder_hider, hide_in_command
from fieldmark.report.page import chart, percent, write_page

__all__ = ["summary", "write_html", "write_markdown"]

_CLASSES_SHOWN = 30
_HEADER = (
    "method",
    "top-1",
    "range over seeds",
    "difference from the baseline",
    "McNemar p",
    "training",
    "processor",
    "peak memory",
    "parameters",
    "ms per photo",
)


@dataclass(frozen=True, slots=True)
class _TableRow:
    """A method as the page shows it."""

    cells: tuple[str, ...]
    tone: str


@dataclass(frozen=True, slots=True)
class _ClassRow:
    """Accuracy of the baseline on a class, and the points that each other method gains."""

    name: str
    baseline: str
    gains: tuple[tuple[str, float], ...]


def write_html(result: Comparison, out: Path) -> None:
    """Write a page that needs no other file, for light and dark screens and for paper.

    Args:
        result: What the page shows.
        out: The HTML file.
    """
    done = result.finished
    write_page(
        out,
        "compare.html.j2",
        subject=Path(result.source).name,
        folders=_folders(result),
        date=datetime.fromisoformat(result.created),
        result=result,
        rows=[_TableRow(_cells(row), _tone(row)) for row in done],
        header=_HEADER,
        figure=chart(methods_figure(done, result.baseline), "Top-1 accuracy of each method") if done else "",
        summary=summary(result),
        missing=[row for row in result.methods if row.reason],
        differences=[(row.label, [_change(one) for one in row.differs]) for row in _others(result)],
        class_rows=_class_rows(result),
        others=[row.label for row in _others(result)],
        facts=_facts(result),
    )


def write_markdown(result: Comparison, out: Path) -> None:
    """Write the table for a README or a page of documentation."""
    lines = [f"| {' | '.join(_HEADER)} |", f"|{' --- |' * len(_HEADER)}"]
    for row in result.methods:
        missing = (row.label, f"{row.status}: {row.reason or ''}", *[""] * (len(_HEADER) - 2))
        cells = missing if row.mean is None else _cells(row)
        lines.append(f"| {' | '.join(map(_escaped, cells))} |")
    lines += ["", summary(result), ""]
    lines += [f"- {row.label}: {', '.join(map(_change, row.differs)) or 'nothing differs'}" for row in _others(result)]
    lines += [f"- {note}" for note in result.notes]
    lines += [""]
    lines += [f"{name}: {value}  " for name, value in _facts(result)]
    text = folder_hider(_folders(result))("\n".join(lines).rstrip() + "\n")
    with atomic_file(out) as draft:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")


def summary(result: Comparison) -> str:
    """Return the outcome in one sentence."""
    compared = [row for row in result.methods if row.difference is not None]
    better = [row.label for row in compared if row.standing == "better"]
    if not compared:
        return "No method could be compared with the baseline."
    if not better:
        which = f"{compared[0].label} does not beat" if len(compared) == 1 else f"None of {len(compared)} methods beats"
        return f"{which} the baseline, {result.baseline}, on these photos."
    verb = "beats" if len(better) == 1 else "beat"
    counted = f"{len(better)} of {len(compared)} {verb} the baseline, {result.baseline},"
    return f"{counted} on these photos by more than chance: {', '.join(better)}."


def _cells(row: MethodRow) -> tuple[str, ...]:
    return (
        row.label,
        percent(row.mean, 1),
        f"{100 * min(row.top1):.1f} to {100 * max(row.top1):.1f}" if len(row.top1) > 1 else "one seed",
        _against(row),
        f"{max(row.mcnemar):.2g}" if row.mcnemar else "–",
        f"{row.seconds or 0:,.0f} s",
        f"{row.cpu_seconds or 0:,.0f} s",
        f"{row.peak_bytes / 2**30:.1f} GiB" if row.peak_bytes else "–",
        f"{(row.parameters or 0) / 1e6:.2f} M",
        f"{row.ms_per_photo:.1f}" if row.ms_per_photo else "–",
    )


def _against(row: MethodRow) -> str:
    """Points gained, with their interval, or why there are none."""
    if row.difference is None:
        return "baseline" if row.verdict == "the baseline" else "given true parts" if row.status == "oracle" else "–"
    mean, low, high = (100 * value for value in (row.difference.mean, row.difference.low, row.difference.high))
    return f"{'not better' if row.standing == 'level' else row.standing}: {mean:+.1f} ({low:+.1f} to {high:+.1f})"


def _tone(row: MethodRow) -> str:
    return "base" if row.verdict == "the baseline" else row.standing


def _base(result: Comparison) -> MethodRow | None:
    return next((row for row in result.methods if row.label == result.baseline), None)


def _others(result: Comparison) -> list[MethodRow]:
    """Methods whose accuracy on each class is known, without the baseline."""
    return [row for row in result.finished if row.class_top1 and row.label != result.baseline]


def _change(change: SettingChange) -> str:
    value, baseline = _shown(change.value), _shown(change.baseline)
    if change.held_by == "both":
        return f"{change.name} {value} (baseline {baseline})"
    if change.held_by == "method":
        return f"{change.name} {value} (the baseline has no such setting)"
    return f"no {change.name} (baseline {baseline})"


def _shown(value: object) -> str:
    """Return the value of a setting as ``--set`` takes it."""
    if isinstance(value, list | tuple):
        return ",".join(map(_shown, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _class_rows(result: Comparison) -> list[_ClassRow]:
    """Classes on which the methods differ most from the baseline, the largest difference first."""
    base, others = _base(result), _others(result)
    if base is None or base.mean is None or not others:
        return []
    rows = []
    for index, name in enumerate(result.classes):
        own, values = base.class_top1[index], [row.class_top1[index] for row in others]
        if own is not None:
            gains = [100 * (value - own) for value in values if value is not None]
            rows.append(_ClassRow(name, percent(own), tuple((f"{gain:+.0f}", gain) for gain in gains)))
    rows.sort(key=lambda row: -max(abs(gain) for _, gain in row.gains))
    return rows[:_CLASSES_SHOWN]


def _folders(result: Comparison) -> set[str]:
    """Folders of this machine that an error of a run may name."""
    runs = {str(Path(folder).parent) for row in result.methods for folder in row.folders}
    return {result.source, *runs} - {""}


def _facts(result: Comparison) -> list[tuple[str, str]]:
    photos = ", ".join(f"{count:,} {split}" for split, count in result.photos.items())
    shared = ", ".join(f"{name} {value}" for name, value in result.shared.items())
    return [
        ("data", f"{Path(result.source).name}; {len(result.classes)} classes; {photos}"),
        ("shared settings", shared),
        ("seeds", ", ".join(map(str, result.seeds))),
        ("command", hide_in_command(result.command)),
        ("written", result.created),
        ("versions", ", ".join(f"{name} {number}" for name, number in result.versions.items())),
    ]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
