"""Write an artifact: one folder with everything that an answer needs, and no pickle in it."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors.torch import save_file

from fieldmark.artifact.card import write_card
from fieldmark.artifact.checksums import checksum
from fieldmark.artifact.manifest import MANIFEST, Manifest, MemberFacts
from fieldmark.atomic import atomic_folder
from fieldmark.backbones.onnx_export import export_graph
from fieldmark.data.photo_table import PhotoTable
from fieldmark.errors import SettingError
from fieldmark.structures import relative_path
from fieldmark.training.graph_outputs import NamedOutputs
from fieldmark.training.member import Member

__all__ = ["SPLIT_COLUMNS", "check_out", "member_facts", "save_artifact"]

SPLIT_COLUMNS = ("path", "label", "split", "content")


def check_out(out: Path) -> None:
    """Refuse a place that holds something else, before hours are spent.

    Raises:
        SettingError: `out` exists and is no model, or no folder can be made there.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file()):
        raise SettingError(f"--out {out} exists and is no model folder; name a new folder")
    parent = next(folder for folder in out.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise SettingError(f"--out {out} cannot be made: {parent} is no folder that may be written to; name another")


def member_facts(index: int, member: Member, temperature: float) -> MemberFacts:
    return MemberFacts(
        method=member.method_name,
        options=dict(member.options),
        preprocess=member.preprocess,
        views=member.views,
        weight=member.weight,
        temperature=temperature,
        graph=f"model-{index}.onnx",
        weights=f"weights-{index}.safetensors",
    )


def save_artifact(
    out: Path,
    manifest: Manifest,
    members: Sequence[Member],
    photos: PhotoTable,
    complete: Callable[[Path, Manifest], Manifest] | None = None,
) -> None:
    """Write the folder; it appears whole or not at all, and replaces an older model there.

    Args:
        out: The model folder.
        manifest: Its `members` in the order of `members`; checksums are filled in here.
        members: Trained methods.
        photos: All photos with their splits, for ``split.csv``.
        complete: Gets the draft of the folder with its graphs, adds files, and returns the manifest that knows them.
    """
    check_out(out)
    with atomic_folder(out) as folder:
        for facts, member in zip(manifest.members, members, strict=True):
            method = member.method.eval()
            (folder / facts.graph).write_bytes(
                export_graph(NamedOutputs(method), member.preprocess, ["logits", "embedding"])
            )
            state = {name: tensor.detach().contiguous() for name, tensor in method.state_dict().items()}
            save_file(state, folder / facts.weights)
        _write_split(folder / "split.csv", photos)
        if complete is not None:
            manifest = complete(folder, manifest)
        sums = {path.name: checksum(path) for path in sorted(folder.iterdir()) if path.is_file()}
        finished = manifest.model_copy(update={"checksums": sums})
        (folder / "README.md").write_text(write_card(finished), encoding="utf-8")
        (folder / MANIFEST).write_text(finished.model_dump_json(indent=1), encoding="utf-8")


def _write_split(path: Path, photos: PhotoTable) -> None:
    records = photos.records
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(SPLIT_COLUMNS)
        for record, content in zip(records, photos.content_keys, strict=True):
            name = records.classes[record.label]
            writer.writerow((relative_path(record.path, records.root), name, record.split, content))
