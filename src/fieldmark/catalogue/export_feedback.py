"""Write the feedback list of a model as class folders and a table."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from fieldmark.artifact.load import load_manifest, verified_file
from fieldmark.atomic import atomic_folder, require_empty
from fieldmark.catalogue.folder_names import folder_names
from fieldmark.recognizer.feedback import Feedback, list_feedback

__all__ = ["FEEDBACK_TABLE", "export_feedback", "feedback_rows"]

FEEDBACK_TABLE = "feedback.csv"
"""Table in the exported folder; ``fieldmark fit`` reads it as a data set."""


def export_feedback(model: Path, out: Path) -> int:
    """Write a JPEG in the folder of its correct class for each correction, and a table, and return their number.

    Args:
        model: The model folder.
        out: A new or empty folder.

    Raises:
        SettingError: The folder is not empty.
        ModelError: There is no model, or a photo is missing or has changed.
    """
    require_empty(out)
    manifest, listed = load_manifest(model), list_feedback(model)
    names = folder_names(list(dict.fromkeys(one.label for one in listed)), taken=(FEEDBACK_TABLE,))
    with atomic_folder(out) as draft:
        paths = []
        for one in listed:
            place = draft / names[one.label] / f"{one.id}.jpg"
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(verified_file(model, manifest, one.photo), place)
            paths.append(place.relative_to(draft).as_posix())
        text = feedback_rows(listed, paths)
        (draft / FEEDBACK_TABLE).write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    return len(listed)


def feedback_rows(listed: Sequence[Feedback], paths: Sequence[str]) -> str:
    """Return the list as CSV: the photo's path, its correct class, and the other fields of ``feedback --json``.

    Args:
        listed: The corrections.
        paths: Path of each photo.
    """
    rest = [field.name for field in fields(Feedback) if field.name not in ("photo", "label")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", *rest])
    for one, path in zip(listed, paths, strict=True):
        writer.writerow([path, one.label, *(_cell(getattr(one, name)) for name in rest)])
    return text.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
