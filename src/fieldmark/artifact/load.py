"""Load a model folder: manifest, recorded split, and files with checked content."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from fieldmark.artifact.checksums import checksum
from fieldmark.artifact.manifest import FORMAT, MANIFEST, Manifest
from fieldmark.errors import ModelError

__all__ = ["SplitRow", "load_manifest", "load_split", "verified_file"]


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One line of the split file: path, label, split and content key of a photo."""

    path: str
    label: str
    split: str
    content: str


def load_manifest(folder: Path) -> Manifest:
    """Return the manifest of a model folder.

    Raises:
        ModelError: There is no model, it is damaged, or a newer version of Fieldmark wrote it.
    """
    if not folder.is_dir():
        raise ModelError(f"expected a model folder made by 'fieldmark fit', but there is no folder {folder}")
    file = folder / MANIFEST
    if not file.is_file():
        raise ModelError(f"expected a model folder made by 'fieldmark fit', but {folder} holds no {MANIFEST}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = int(content["format"])
    except (ValueError, KeyError, TypeError, OSError):
        raise _damaged(folder, f"{MANIFEST} cannot be read") from None
    if version > FORMAT:
        raise ModelError(
            f"the model {folder} has format {version}, written by Fieldmark {content.get('fieldmark')}, but this "
            f"Fieldmark reads formats up to {FORMAT}; upgrade with 'pip install -U fieldmark'"
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise _damaged(folder, f"'{where}' in {MANIFEST} is not valid") from None


def verified_file(folder: Path, manifest: Manifest, name: str) -> Path:
    """Return the path of a file of the model after checking its checksum.

    Raises:
        ModelError: The file is missing or has changed.
    """
    path = folder / name
    if not path.is_file():
        raise _damaged(folder, f"{name} is missing")
    if checksum(path) != manifest.checksums.get(name):
        raise _damaged(folder, f"the content of {name} has changed")
    return path


def load_split(folder: Path, manifest: Manifest) -> list[SplitRow]:
    """Return which photo was in which split when the model was made."""
    with verified_file(folder, manifest, manifest.split_file).open(
        newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        return [SplitRow(row["path"], row["label"], row["split"], row["content"]) for row in csv.DictReader(file)]


def _damaged(folder: Path, what: str) -> ModelError:
    return ModelError(f"the model {folder} is damaged ({what}); copy it again or fit it again")
