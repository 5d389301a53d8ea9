"""The look of all figures: colours, fonts, tooltips, and SVG that follows a page into dark mode and print.

In the SVG each colour is a CSS variable with the light colour as its fallback.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from functools import wraps
from html import escape
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

__all__ = ["PALETTE", "new_figure", "percent_axes", "styled", "tip", "to_svg"]

PALETTE = {
    "ink": "#1c211f",
    "soft": "#58625e",
    "line": "#dcdad1",
    "bar": "#7d9f8c",
    "base": "#a98246",
    "good": "#1f7a4d",
    "bad": "#a8321f",
}
"""CSS variable of ``report/design/design.css`` -> its colour in light mode."""

_STYLE: Any = {
    "font.size": 12,
    "text.color": PALETTE["ink"],
    "text.parse_math": False,  # a class name may contain $
    "axes.edgecolor": PALETTE["line"],
    "axes.labelcolor": PALETTE["soft"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": PALETTE["line"],
    "xtick.color": PALETTE["soft"],
    "ytick.color": PALETTE["soft"],
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
}
_PIXELS = 72  # SVG units for each inch of a figure


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with the pages' style. The caller's matplotlib settings stay as they are."""

    @wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        from matplotlib import rc_context

        with rc_context(_STYLE):
            return draw(*args, **kwargs)

    return in_style


def to_svg(figure: Figure, description: str) -> str:
    """Return a figure as an SVG element for a page. Equal figures give equal text.

    Args:
        figure: Drawn by a function that is `styled`.
        description: What a screen reader says.
    """
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "fieldmark"}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page's font has the glyphs that matplotlib's lacks
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="tip:([^"]*)">', r"<g><title>\1</title>", text)
    text = re.sub(r"<defs>\s*<clipPath.*?</defs>", "", text, flags=re.DOTALL)  # everything lies inside the axes
    text = re.sub(r' clip-path="[^"]*"', "", text).replace("xlink:href", "href")
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui, sans-serif", text)
    for name, colour in PALETTE.items():
        text = text.replace(colour, f"var(--{name}, {colour})")
    width, height = (round(_PIXELS * inches) for inches in figure.get_size_inches())
    opening = f'<svg role="img" aria-label="{escape(description)}" viewBox="0 0 {width} {height}" width="{width}">'
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1, flags=re.DOTALL)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many pixels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / _PIXELS, height / _PIXELS), layout="constrained")


def tip(artist: Any, text: str) -> None:
    """Give an artist a tooltip; `to_svg` reads it from the id."""
    artist.set_gid(f"tip:{text}")


def percent_axes(axes: Axes, which: str) -> None:
    """Show the ticks of the named axes, ``x``, ``y`` or ``xy``, as percentages."""
    from matplotlib.ticker import PercentFormatter

    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(PercentFormatter(1.0, decimals=0))
