"""HTML for notebooks: what `_repr_html_` of answers, records, evidence and recognizers returns.

It takes plain values, so that the classes that call it need not be imported here, and escapes every name.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["answer_card", "card", "evidence_picture", "records_card", "thumbnail_uri"]

_WARM, _COLD = "#d55e00", "#0072b2"
"""Vermillion and blue of Okabe and Ito's palette, which people with any colour vision can tell apart."""

_FAINT = 0.15
"""Evidence below this share of the strongest is not drawn."""

_CARD = """
<div style="display:flex;gap:1em;align-items:flex-start;font-family:sans-serif">
{%- if svg %}{{ svg }}{% endif -%}
{%- for uri in pictures %}<img src="{{ uri }}" alt="" style="max-height:14em">{% endfor -%}
<div><div><b>{{ title }}</b></div>
{%- for note in notes %}<div>{{ note }}</div>{% endfor -%}
{%- if bars %}<table>{% for label, share, value in bars -%}
<tr class="bar"><td style="text-align:left">{{ label }}</td><td style="width:12em"><div \
style="background:{{ colour }};height:.8em;width:{{ "%.1f"|format(100 * share) }}%"></div></td><td>{{ value }}</td></tr>
{%- endfor %}</table>{% endif -%}
</div></div>
"""

_EVIDENCE = """
<svg viewBox="0 0 {{ width }} {{ height }}" style="height:18em" role="img">
{%- if uri %}<image href="{{ uri }}" width="{{ width }}" height="{{ height }}"/>{% endif -%}
{%- for x, y, colour, opacity in cells -%}
<rect x="{{ "%.1f"|format(x) }}" y="{{ "%.1f"|format(y) }}" width="{{ "%.1f"|format(cell[0]) }}" \
height="{{ "%.1f"|format(cell[1]) }}" fill="{{ colour }}" fill-opacity="{{ "%.2f"|format(opacity) }}"/>
{%- endfor -%}
<rect x="{{ box[0] }}" y="{{ box[1] }}" width="{{ box[2] - box[0] }}" height="{{ box[3] - box[1] }}" \
fill="none" stroke="white" stroke-width="{{ width / 150 }}"/></svg>
"""


def card(
    title: str,
    *,
    notes: Iterable[str] = (),
    bars: Iterable[tuple[str, float, str]] = (),
    pictures: Iterable[str | None] = (),
    svg: Any = None,
) -> str:
    """Return an HTML card.

    Args:
        title: Its first line.
        notes: More lines.
        bars: Label, length between 0 and 1, and the value as text.
        pictures: Data URIs; None is left out.
        svg: A picture that `evidence_picture` returned.
    """
    shown = [uri for uri in pictures if uri]
    return str(
        _template(_CARD).render(title=title, notes=list(notes), bars=list(bars), pictures=shown, svg=svg, colour=_COLD)
    )


def records_card(
    title: str, classes: Sequence[str], paths: Sequence[Path], labels: Sequence[int], splits: Sequence[str | None]
) -> str:
    """Return some photos of a data set, and a bar for each of its largest classes.

    Args:
        title: First line of the card.
        classes: Class names.
        paths: The photos.
        labels: Class of each photo, as an index.
        splits: Split of each photo; None if it has none.
    """
    counts = Counter(labels).most_common(10)
    firsts = dict(zip(reversed(labels), reversed(paths), strict=True))
    return card(
        title,
        notes=[", ".join(f"{count:,} {split or 'no split'}" for split, count in Counter(splits).items())],
        bars=[(classes[label], count / counts[0][1], f"{count:,}") for label, count in counts],
        pictures=[thumbnail_uri(firsts[label], 112) for label, _ in counts[:4]],
    )


def answer_card(answer: Mapping[str, Any]) -> str:
    """Return the photo of an answer, a bar for each candidate, and what is certain.

    Args:
        answer: The object that ``predict --json`` prints.
    """
    path, candidates = answer["path"], answer["candidates"]
    notes = [] if path is None else [path]
    if answer["ancestor"] is not None:
        notes.append(f"only the {answer['rank']} is certain: {answer['ancestor']}")
    if answer["set"] is not None and "coverage" in answer:
        notes.append(f"prediction set ({answer['coverage']:.0%} coverage): {', '.join(answer['set'])}")
    if answer["unknown"]:
        notes.append("probably none of the classes that the model knows")
    bars = [(one["label"], one["probability"], f"{one['probability']:.1%}") for one in candidates]
    title = answer.get("error") or str(candidates[0]["label"] if candidates else None)
    shown = path or next(iter(answer.get("photos", ())), None)
    return card(title, notes=notes, bars=bars, pictures=[thumbnail_uri(shown)])


def thumbnail_uri(path: str | Path | None, side: int = 224) -> str | None:
    """Return a photo as a JPEG data URI, its longer side at most `side` pixels; None where it cannot be read."""
    if path is None:
        return None
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            image.draft("RGB", (side, side))
            small = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    small.thumbnail((side, side))
    stream = BytesIO()
    small.save(stream, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def evidence_picture(
    path: str | None,
    values: NDArray[np.floating],
    frame: Sequence[float],
    box: Sequence[float],
    size: tuple[int, int],
) -> Any:
    """Return a photo under its evidence map as SVG markup for `card`.

    Args:
        path: The photo; None draws the map only.
        values: (h, w) evidence over `frame`: above 0 in a warm colour, below 0 in a cold one.
        frame: The part of the photo that the map covers, xyxy pixels.
        box: The strongest evidence, xyxy pixels.
        size: Width and height of the upright photo.
    """
    from markupsafe import Markup

    rows, columns = values.shape
    cell = ((frame[2] - frame[0]) / columns, (frame[3] - frame[1]) / rows)
    share = values / max(float(np.abs(values).max()), 1e-12)
    cells = [
        (
            frame[0] + column * cell[0],
            frame[1] + row * cell[1],
            _WARM if share[row, column] > 0 else _COLD,
            0.7 * abs(float(share[row, column])),
        )
        for row, column in np.argwhere(np.abs(share) > _FAINT).tolist()
    ]
    text = _template(_EVIDENCE).render(
        width=size[0], height=size[1], uri=thumbnail_uri(path, 448), cells=cells, cell=cell, box=box
    )
    return Markup(text)  # the template escaped its values


@cache
def _template(source: str) -> Any:
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined).from_string(source.strip())
