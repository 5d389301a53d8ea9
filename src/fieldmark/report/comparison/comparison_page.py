"""The comparison as one page that needs nothing else, and as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldmark.atomic import atomic_file
from fieldmark.compare.method_table import Line
from fieldmark.report.comparison.dot_plot import draw_chart

if TYPE_CHECKING:
    from fieldmark.compare.study import Comparison

__all__ = ["write_html", "write_markdown"]

_CLASSES_SHOWN = 30
_HEADER = (
    "method",
    "top-1",
    "lowest to highest",
    "against the baseline",
    "McNemar p",
    "training",
    "processor",
    "peak memory",
    "parameters",
    "ms a photo",
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A line as it is shown."""

    line: Line
    cells: tuple[str, ...]
    tone: str


@dataclass(frozen=True, slots=True)
class _ClassRow:
    """Accuracy of the baseline on a class, and what each other method gains there."""

    name: str
    baseline: str
    gains: tuple[tuple[str, float], ...]


def write_html(result: Comparison, out: Path) -> None:
    """One page, light or dark, that can be printed.

    Args:
        result: What to show.
        out: The file.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fieldmark.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    done = [line for line in result.lines if line.mean is not None]
    page = environment.get_template("compare.html.j2").render(
        result=result,
        rows=[_Row(line, _cells(line), _tone(line)) for line in done],
        header=_HEADER,
        chart=draw_chart(done, result.baseline),
        summary=summary(result),
        missing=[line for line in result.lines if line.reason],
        differences=[(line.label, _other_settings(line, result)) for line in done if line.class_top1],
        class_rows=_class_rows(done, result),
        others=[line.label for line in done if line.class_top1 and line.label != result.baseline],
        facts=_facts(result),
    )
    with atomic_file(out) as draft:
        draft.write_text(page, encoding="utf-8")


def write_markdown(result: Comparison, out: Path) -> None:
    """The same table for a README or a page of documentation."""
    lines = [f"| {' | '.join(_HEADER)} |", f"|{' --- |' * len(_HEADER)}"]
    for line in result.lines:
        if line.mean is None:
            lines.append(
                f"| {_plain(line.label)} | {line.status}: {_plain(line.reason or '')} |{' |' * (len(_HEADER) - 2)}"
            )
        else:
            lines.append(f"| {' | '.join(map(_plain, _cells(line)))} |")
    lines += ["", summary(result), ""]
    lines += [f"{name}: {value}  " for name, value in _facts(result)]
    with atomic_file(out) as draft:
        draft.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def summary(result: Comparison) -> str:
    """What came out, in one or two sentences."""
    compared = [line for line in result.lines if line.difference is not None]
    better = [line.label for line in compared if line.standing == "better"]
    if not compared:
        return "Nothing could be held against the baseline."
    if not better:
        which = f"{compared[0].label} does not beat" if len(compared) == 1 else f"None of {len(compared)} methods beats"
        return f"{which} the baseline, {result.baseline}, on these photos."
    verb = "beats" if len(better) == 1 else "beat"
    counted = f"{len(better)} of {len(compared)} {verb} the baseline, {result.baseline},"
    return f"{counted} on these photos by more than chance: {', '.join(better)}."


def _cells(line: Line) -> tuple[str, ...]:
    assert line.mean is not None
    named = {"the baseline": "baseline"} | ({line.verdict: "told the truth"} if line.status == "oracle" else {})
    against = _points(line) if line.difference else named.get(line.verdict, "–")
    return (
        line.label,
        f"{100 * line.mean:.1f} %",
        f"{100 * min(line.top1):.1f} to {100 * max(line.top1):.1f}" if len(line.top1) > 1 else "one seed",
        against,
        f"{max(line.mcnemar):.2g}" if line.mcnemar else "–",
        f"{line.seconds or 0:,.0f} s",
        f"{line.cpu_seconds or 0:,.0f} s",
        f"{line.peak_bytes / 2**30:.1f} GiB" if line.peak_bytes else "–",
        f"{(line.parameters or 0) / 1e6:.2f} M",
        f"{line.ms_per_photo:.1f}" if line.ms_per_photo else "–",
    )


def _points(line: Line) -> str:
    """What is gained, with its interval; in words where nothing is."""
    assert line.difference is not None
    mean, low, high = (100 * value for value in (line.difference.mean, line.difference.low, line.difference.high))
    figures = f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"
    return f"{'not better' if line.standing == 'level' else line.standing}: {figures}"


def _tone(line: Line) -> str:
    return "base" if line.verdict == "the baseline" else line.standing


def _other_settings(line: Line, result: Comparison) -> list[tuple[str, Any, Any]]:
    """Settings that the method has in common with the baseline but at another value: name, its own, the baseline's."""
    base = next((other.settings for other in result.lines if other.label == result.baseline), None)
    if line.settings is None or base is None or line.label == result.baseline:
        return []
    shared = [name for name in line.settings if name in base and name != "method"]
    return [(name, line.settings[name], base[name]) for name in shared if line.settings[name] != base[name]]


def _class_rows(done: Sequence[Line], result: Comparison) -> list[_ClassRow]:
    """The classes on which the methods differ most from the baseline, the largest difference first."""
    base = next((line for line in done if line.label == result.baseline), None)
    others = [line for line in done if line.class_top1 and line.label != result.baseline]
    if base is None or not others:
        return []
    rows = []
    for index, name in enumerate(result.classes):
        own = base.class_top1[index]
        values = [line.class_top1[index] for line in others]
        if own is None or any(value is None for value in values):
            continue
        gains = [100 * ((value or 0.0) - own) for value in values]
        rows.append(_ClassRow(name, f"{100 * own:.0f} %", tuple((f"{gain:+.0f}", gain) for gain in gains)))
    rows.sort(key=lambda row: -max(abs(gain) for _, gain in row.gains))
    return rows[:_CLASSES_SHOWN]


def _facts(result: Comparison) -> list[tuple[str, str]]:
    photos = ", ".join(f"{count:,} {split}" for split, count in result.photos.items())
    shared = ", ".join(f"{name} {value}" for name, value in result.shared.items())
    return [
        ("data", f"{result.source}; {len(result.classes)} classes; {photos}"),
        ("the same for all", shared),
        ("seeds", ", ".join(map(str, result.seeds))),
        ("command", result.command),
        ("made", result.created),
        ("versions", ", ".join(f"{name} {number}" for name, number in result.versions.items())),
    ]


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
