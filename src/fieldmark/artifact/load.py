"""Read an artifact back, on any machine."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from fieldmark.artifact.checksums import checksum
from fieldmark.artifact.manifest import FORMAT, Manifest, MemberFacts
from fieldmark.errors import ModelError

if TYPE_CHECKING:
    from fieldmark.methods.base import Method

__all__ = ["SplitRow", "load_manifest", "load_method", "load_split", "verified_file"]

_MANIFEST = "fieldmark.json"


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One line of ``split.csv``: which photo went into which split, by path and by content."""

    path: str
    label: str
    split: str
    content: str


def load_manifest(folder: Path) -> Manifest:
    """The description of a model.

    Raises:
        ModelError: There is no model, it is damaged, or a newer Fieldmark wrote it.
    """
    if not folder.is_dir():
        raise ModelError(f"expected a model folder made by 'fieldmark fit', but there is no folder {folder}")
    file = folder / _MANIFEST
    if not file.is_file():
        raise ModelError(f"expected a model folder made by 'fieldmark fit', but {folder} holds no {_MANIFEST}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = int(content["format"])
    except (ValueError, KeyError, TypeError, OSError):
        raise _damaged(folder, f"{_MANIFEST} cannot be read") from None
    if version > FORMAT:
        raise ModelError(
            f"the model {folder} has format {version}, written by Fieldmark {content.get('fieldmark')}, but this "
            f"Fieldmark reads formats up to {FORMAT}; upgrade with 'pip install -U fieldmark'"
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise _damaged(folder, f"'{where}' in {_MANIFEST} does not fit") from None


def verified_file(folder: Path, manifest: Manifest, name: str) -> Path:
    """A file of the model, after its checksum was compared.

    Raises:
        ModelError: It is missing or has changed.
    """
    path = folder / name
    if not path.is_file():
        raise _damaged(folder, f"{name} is missing")
    if checksum(path) != manifest.checksums.get(name):
        raise _damaged(folder, f"{name} is not the file that was written")
    return path


def load_method(folder: Path, manifest: Manifest, facts: MemberFacts) -> Method:
    """A member as a torch module, for what needs gradients or feature maps."""
    from safetensors.torch import load_file

    from fieldmark.methods.build import build_method

    method = build_method(facts.method, len(manifest.classes), facts.options, facts.preprocess.image_size)
    method.load_state_dict(load_file(verified_file(folder, manifest, facts.weights)))
    return method.eval()


def load_split(folder: Path, manifest: Manifest) -> list[SplitRow]:
    """Which photos were in which split when the model was made."""
    with verified_file(folder, manifest, "split.csv").open(
        newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        return [SplitRow(row["path"], row["label"], row["split"], row["content"]) for row in csv.DictReader(file)]


def _damaged(folder: Path, what: str) -> ModelError:
    return ModelError(f"the model {folder} is damaged ({what}); copy it again or fit it again")
