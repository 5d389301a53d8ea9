"""Write a model's field guide as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fieldmark.guide.make_guide import Guide, GuideOptions, make_guide
from fieldmark.progress import say
from fieldmark.recognizer.predictor import Predictor
from fieldmark.report.guide.guide_notes import join_notes, read_notes
from fieldmark.report.guide.guide_page import write_guide_page
from fieldmark.report.page import model_facts, model_name, require_writable
from fieldmark.structures import RecordList

__all__ = ["Guide", "GuideOptions", "write_guide"]


def write_guide(
    recognizer: Predictor,
    data: str | Path | RecordList | None,
    out: str | Path,
    options: GuideOptions | None = None,
    *,
    notes: Sequence[str | Path] = (),
) -> Guide:
    """Write a field guide that needs no other file and can be printed.

    Args:
        recognizer: A recognizer from a model folder; an exported file has no layers to explain.
        data: Photos of its classes; by default those that it was made from.
        out: The HTML file.
        options: What the guide shows.
        notes: Files that pages of guides saved; the new page starts with their notes, joined.

    Raises:
        DataError: The photos are missing, none is of the model's classes, or a file holds no notes.
        ModelError: The model is an exported file.
        SettingError: The file cannot be written.
    """
    options = options or GuideOptions()
    require_writable(Path(out), "guide.html")
    kept = join_notes(read_notes(Path(file)) for file in notes)
    strange = sorted(kept.keys() - set(recognizer.classes))
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        say(f"notes on '{strange[0]}'{more} are left out: the model has no such class")
    guide = make_guide(recognizer, data, options)
    place = guide.tested.records.root
    facts = model_facts(recognizer, ("photos", place.name if place else ""), lang=options.lang)
    write_guide_page(
        guide,
        Path(out),
        options.max_bytes,
        subject=model_name(recognizer),
        facts=facts,
        lang=options.lang,
        notes=kept,
        model_key=f"{model_name(recognizer)} {recognizer.manifest.data.fingerprint}",
    )
    return guide
