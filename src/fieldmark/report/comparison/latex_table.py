"""A comparison as a LaTeX table with booktabs."""

from __future__ import annotations

from pathlib import Path

from fieldmark.atomic import atomic_file
from fieldmark.evaluation.comparison import Comparison, MethodRow

__all__ = ["escape_latex", "latex_table", "write_latex"]

_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "\\textquotedbl{}",
    "\n": " ",
    "\r": " ",
}


def escape_latex(text: str) -> str:
    """Return a text in which no character has a meaning for LaTeX.

    >>> escape_latex("fine_tune 50%")
    'fine\\\\_tune 50\\\\%'
    """
    return "".join(_SPECIAL.get(sign, sign) for sign in text)


def latex_table(result: Comparison) -> str:
    """Return a ``tabular`` of the finished rows: mean, range, paired difference with its interval, McNemar's p.

    Rows that are better than the baseline are bold. The document needs ``\\usepackage{booktabs}``.
    """
    several = len(result.seeds) > 1
    timed = any(row.ms_per_photo is not None for row in result.finished)
    header = ["Method", "Top-1 (\\%)", *(["Range"] if several else []), "Difference (95\\% CI)", "McNemar $p$"]
    header += ["Parameters (M)", *(["ms/photo"] if timed else [])]
    lines = [
        "% needs \\usepackage{booktabs}",
        f"% {len(result.classes)} classes, {result.photos.get('test', 0)} test photos, seeds "
        + ", ".join(map(str, result.seeds)),
        "% difference: percentage points from the baseline, 95% interval of a paired bootstrap over the test photos",
        f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        "\\toprule",
        f"{' & '.join(header)} \\\\",
        "\\midrule",
    ]
    lines += [f"{' & '.join(_cells(row, several, timed))} \\\\" for row in result.finished]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def write_latex(result: Comparison, out: Path) -> None:
    """Write `latex_table` into a file."""
    with atomic_file(out) as draft:
        draft.write_text(latex_table(result), encoding="utf-8", errors="backslashreplace")


def _cells(row: MethodRow, several: bool, timed: bool) -> list[str]:
    label, mean = escape_latex(row.label), f"{100 * (row.mean or 0):.1f}"
    if row.standing == "better":
        label, mean = f"\\textbf{{{label}}}", f"\\textbf{{{mean}}}"
    span = f"{100 * min(row.top1):.1f}--{100 * max(row.top1):.1f}"
    gain = row.difference
    against = "--"
    if gain is not None:
        against = f"${100 * gain.mean:+.1f}$ (${100 * gain.low:+.1f}$ to ${100 * gain.high:+.1f}$)"
    elif row.verdict == "the baseline":
        against = "baseline"
    cells = [label, mean, *([span] if several else []), against, f"{max(row.mcnemar):.2g}" if row.mcnemar else "--"]
    cells.append(f"{(row.parameters or 0) / 1e6:.2f}")
    return [*cells, f"{row.ms_per_photo:.1f}" if row.ms_per_photo else "--"] if timed else cells
