"""A whole model in one ONNX file: the graph, with everything else that answering needs in its metadata."""

from __future__ import annotations

import base64
import io
import json
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fieldmark.artifact.check_graph import checked_graph, read_graph
from fieldmark.artifact.load import read_manifest
from fieldmark.artifact.manifest import PLAIN_FORMAT, Manifest
from fieldmark.backbones.runners.cpu_runner import CpuRunner
from fieldmark.errors import ModelError
from fieldmark.member_spec import PreprocessField, ZoomField
from fieldmark.strict_json import parse_json

__all__ = [
    "EXPORT_FORMAT",
    "PLAIN_EXPORT_FORMAT",
    "ExportFacts",
    "Exported",
    "InputFacts",
    "is_exported",
    "open_exported",
    "pack_model",
]

EXPORT_FORMAT = 2
"""Version of the metadata. It is raised when old versions of Fieldmark could not read it."""

PLAIN_EXPORT_FORMAT = 1
"""Version that a file is written in that does not zoom: formats 1 and 2 are the same then."""

_MOST_UNPACKED = 100  # times the archive; tables of numbers and paths shrink to a tenth
_FACTS, _MANIFEST, _FILES = "fieldmark.export", "fieldmark.manifest", "fieldmark.files"


class InputFacts(BaseModel):
    """One input of the graph: uint8 (batch, S, S, 3), RGB.

    Attributes:
        name: Name of the input.
        preprocess: How a photo becomes this input. The graph itself applies mean and std.
        zoom: For an input that shows only the object: how it is found and cut. It is found by a first call, where this
            input shows the whole photo.
        activation: Name of the output by which it is found, (batch, flips * h * w); None without zoom.
        flips: 2 where that holds the map of the photo and then that of its mirror image, otherwise 1.
    """

    name: str
    preprocess: PreprocessField
    zoom: ZoomField = None
    activation: str | None = None
    flips: Literal[1, 2] = 1


class ExportFacts(BaseModel):
    """How the file was made.

    Attributes:
        format: See `EXPORT_FORMAT`.
        precision: ``float32`` or ``int8``.
        inputs: In the order of the graph's inputs.
        outputs: Names, in the order of the graph's outputs.
        check: Results of the comparison with the model folder.
    """

    model_config = ConfigDict(extra="allow")

    format: int
    precision: str = "float32"
    inputs: list[InputFacts] = Field(min_length=1)
    outputs: list[str]
    check: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """An open file.

    Attributes:
        facts: How it was made.
        manifest: Manifest of the model, without gallery.
        path: The file.
        unpacked: Temporary folder; it is removed together with this object.
    """

    facts: ExportFacts
    manifest: Manifest
    path: Path
    unpacked: tempfile.TemporaryDirectory[str]

    def open_graph(self, width: int | None) -> CpuRunner:
        """Open the graph.

        Args:
            width: Length of the embedding; None for any.

        Raises:
            ModelError: The graph is not what the metadata say.
        """
        inputs = {each.name: each.preprocess.image_size for each in self.facts.inputs}
        columns = len(self.manifest.classes)
        outputs = {"probabilities": columns, "logits": columns, "embedding": width}
        outputs |= {each.activation: None for each in self.facts.inputs if each.activation}
        try:
            return CpuRunner(checked_graph(self.path, inputs, outputs))
        except ValueError as error:
            raise _damaged(self.path, f"its graph cannot be used: {error}") from error

    @property
    def folder(self) -> Path:
        """Folder with the files of the model besides graphs and weights."""
        return Path(self.unpacked.name)


def is_exported(path: Path) -> bool:
    """Return whether a path names an ONNX file rather than a model folder."""
    return path.suffix.lower() == ".onnx" and not path.is_dir()


def pack_model(folder: Path, manifest: Manifest, facts: ExportFacts) -> dict[str, str]:
    """Return the metadata of the file: JSON for any reader, and what `open_exported` reads."""
    manifest = manifest.without_feedback()
    left = {facts.graph for facts in manifest.members} | {facts.weights for facts in manifest.members}
    left |= {name for each in manifest.questions for name in (each.heads, each.guarantees.file, each.open_set_state)}
    needed = {manifest.open_set_state, manifest.guarantees and manifest.guarantees.file}
    packed = {name: value for name, value in manifest.checksums.items() if name not in left - needed}
    plain = {
        "classes": manifest.classes,
        "inputs": [each.model_dump() for each in facts.inputs],
        "taxonomy": {"ranks": manifest.ranks, "ancestors": manifest.taxonomy},
        "calibration": manifest.calibration
        | {
            "temperatures": [member.temperature for member in manifest.members],
            "scaling": manifest.scaling and manifest.scaling.model_dump(),
        },
        "thresholds": {
            "unknown": manifest.unknown and manifest.unknown.model_dump(),
            "trust": manifest.guarantees and manifest.guarantees.model_dump(),
        },
    }
    own = manifest.model_copy(
        update={"gallery": None, "checksums": packed, "questions": [], "format": min(manifest.format, PLAIN_FORMAT)}
    )
    return {name: json.dumps(value, ensure_ascii=False) for name, value in plain.items()} | {
        _FACTS: facts.model_dump_json(),
        _MANIFEST: own.model_dump_json(),
        _FILES: _zipped(folder, sorted(packed)),
    }


def open_exported(path: Path) -> Exported:
    """Open an ONNX file with the metadata of `pack_model`.

    Raises:
        ModelError: There is no file, it is damaged, or it was not written by Fieldmark, or by a newer one.
    """
    if not path.is_file():
        raise ModelError(f"expected an ONNX file made by 'fieldmark export', but there is no file {path}")
    try:
        texts = {entry.key: entry.value for entry in read_graph(path).metadata_props}
    except ValueError as error:
        raise _damaged(path, "no ONNX graph can be read from it") from error
    if not {_FACTS, _MANIFEST, _FILES} <= texts.keys():
        raise ModelError(f"expected an ONNX file made by 'fieldmark export', but {path} was made by something else")
    _demand_format(path, texts[_FACTS])
    try:
        facts = ExportFacts.model_validate(parse_json(texts[_FACTS].encode()))
        manifest = read_manifest(texts[_MANIFEST].encode())
        unpacked = _unzipped(texts[_FILES], manifest)
    except ValueError as error:
        raise _damaged(path, "its metadata is not valid") from error
    return Exported(facts, manifest, path, unpacked)


def _demand_format(path: Path, text: str) -> None:
    try:
        version = int(parse_json(text.encode())["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, "its metadata is not valid") from error
    if version > EXPORT_FORMAT:
        raise ModelError(
            f"the file {path} has format {version}, but this Fieldmark reads formats up to {EXPORT_FORMAT}; "
            "upgrade with 'pip install -U fieldmark'"
        )


def _zipped(folder: Path, names: list[str]) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(folder / name, name)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _unzipped(text: str, manifest: Manifest) -> tempfile.TemporaryDirectory[str]:
    """Unpack the files that the manifest names.

    Raises:
        ValueError: It is no archive, holds other files, or they are far larger than the archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(text))) as archive:
            entries = archive.infolist()
            if {entry.filename for entry in entries} != set(manifest.checksums) or len(entries) > len(
                manifest.checksums
            ):
                raise ValueError("the archive holds other files")
            if sum(entry.file_size for entry in entries) > _MOST_UNPACKED * len(text):
                raise ValueError("the archive unpacks to far more than it holds")
            folder = tempfile.TemporaryDirectory(prefix="fieldmark-export-")
            archive.extractall(folder.name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError("the archive is damaged") from error
    return folder


def _damaged(path: Path, what: str) -> ModelError:
    return ModelError(f"the file {path} is damaged ({what}); export it again")
