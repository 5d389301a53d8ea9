"""Load a model folder: manifest, recorded split, and files with checked content."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from fieldmark.artifact.checksums import checksum
from fieldmark.artifact.manifest import FORMAT, MANIFEST, Manifest
from fieldmark.errors import ModelError
from fieldmark.strict_json import MAX_BYTES, StrictJsonError, parse_json
from fieldmark.structures import Split

__all__ = ["SplitRow", "damaged", "load_manifest", "load_split", "read_manifest", "reading", "verified_file"]

_SPLITS = get_args(Split)
_MAX_WORDS = 80  # letters of a stranger's text in a message


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
        content = _small(file)
        version = parse_json(content)["format"]
        if type(version) is not int:
            raise TypeError
    except StrictJsonError as error:
        raise damaged(folder, f"{MANIFEST} cannot be read: {error}") from None
    except (KeyError, TypeError, OSError):
        raise damaged(folder, f"{MANIFEST} cannot be read") from None
    if version > FORMAT:
        writer = _shortened(str(parse_json(content).get("fieldmark")))
        raise ModelError(
            f"the model {folder} has format {_shortened(str(version))}, written by Fieldmark {writer}, but this "
            f"Fieldmark reads formats up to {FORMAT}; upgrade with 'pip install -U fieldmark'"
        )
    try:
        return read_manifest(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise damaged(folder, f"'{_shortened(where)}' in {MANIFEST} is not valid") from None


def read_manifest(content: bytes) -> Manifest:
    """Return the manifest in a JSON text. Everything that reads a manifest comes through here.

    Raises:
        ValueError: The text is not valid.
    """
    return Manifest.model_validate(parse_json(content))


def verified_file(folder: Path, manifest: Manifest, name: str) -> Path:
    """Return the path of a file of the model after checking its checksum.

    Raises:
        ModelError: The file is missing or has changed.
    """
    path = folder / name
    if not path.is_file():
        raise damaged(folder, f"{name} is missing")
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise damaged(folder, f"{name} is a link that leads out of the folder")
    if checksum(path) != manifest.checksums.get(name):
        raise damaged(folder, f"the content of {name} has changed")
    return path


@contextlib.contextmanager
def reading(folder: Path, manifest: Manifest, name: str) -> Iterator[Path]:
    """Yield the path of a verified file of the model to read it; a ValueError becomes the error for the user.

    Raises:
        ModelError: The file is missing, has changed, or its content is not valid.
    """
    path = verified_file(folder, manifest, name)
    try:
        yield path
    except ValueError as error:
        raise damaged(folder, f"{name} cannot be used: {error}") from error


def load_split(folder: Path, manifest: Manifest) -> list[SplitRow]:
    """Return which photo was in which split when the model was made."""
    with reading(folder, manifest, manifest.split_file) as path:
        return _split_rows(path)


def _split_rows(path: Path) -> list[SplitRow]:
    wanted = [field.name for field in fields(SplitRow)]
    rows = []
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        lines = csv.DictReader(file)
        try:
            for row in lines:
                values = [row[name] for name in wanted]
                if None in values or row["split"] not in _SPLITS:
                    raise ValueError(f"line {lines.line_num} has no path, label, split or content")
                rows.append(SplitRow(*values))
        except KeyError as error:
            raise ValueError(f"it has no column {error}") from None
        except csv.Error as error:
            raise ValueError(f"line {lines.line_num}: {error}") from error
    return rows


def _small(file: Path) -> bytes:
    if file.stat().st_size > MAX_BYTES:
        raise StrictJsonError("it is too long")
    return file.read_bytes()


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MAX_WORDS else words[:_MAX_WORDS] + "…"


def damaged(folder: Path, what: str) -> ModelError:
    """Return the error for a model folder in which something is wrong."""
    return ModelError(f"the model {folder} is damaged ({what}); copy it again or fit it again")
