"""Read a group of unknown photos back from the answers that ``predict --group-unknown`` wrote."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fieldmark.errors import DataError, SettingError

__all__ = ["GROUP_COLUMN", "photos_of_group"]

GROUP_COLUMN = "unknown_group"
"""Column and JSON field with the number of the group."""


def photos_of_group(answers: Path, number: int) -> list[Path]:
    """Return the photos of a group, in the order of the file.

    Args:
        answers: File of ``predict --group-unknown``: a CSV, or JSON lines.
        number: Of the group.

    Raises:
        DataError: The file cannot be read, or holds something else.
        SettingError: There is no such group.
    """
    try:
        text = answers.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise DataError(
            f"expected answers with groups of unknown photos, but {answers} cannot be read: {reason}"
        ) from None
    groups: dict[str, list[Path]] = {}
    for row in _rows(answers, text):
        if row.get(GROUP_COLUMN) not in (None, ""):
            groups.setdefault(str(row[GROUP_COLUMN]), []).append(Path(str(row["path"])))
    if str(number) not in groups:
        known = ", ".join(sorted(groups, key=lambda name: (len(name), name))) or "none"
        raise SettingError(f"{answers} has no group {number} of unknown photos; it has {known}")
    return groups[str(number)]


def _rows(answers: Path, text: str) -> Iterator[Mapping[str, Any]]:
    if answers.suffix.lower() == ".csv":
        reader = csv.DictReader(io.StringIO(text, newline=""))
        if not {"path", GROUP_COLUMN} <= set(reader.fieldnames or ()):
            raise _other_content(answers)
        yield from reader
        return
    for line in filter(str.strip, text.split("\n")):
        try:
            row = json.loads(line)
        except ValueError:
            raise _other_content(answers) from None
        if not isinstance(row, dict) or not {"path", GROUP_COLUMN} <= row.keys():
            raise _other_content(answers)
        yield row


def _other_content(answers: Path) -> DataError:
    return DataError(
        f"expected answers with groups of unknown photos in {answers}, found something else: write them with "
        "'fieldmark predict MODEL FOLDER --group-unknown --out answers.csv'"
    )
