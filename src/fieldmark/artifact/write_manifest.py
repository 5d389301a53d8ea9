"""Replace the manifest of a model: the one step that makes a change visible."""

from __future__ import annotations

from pathlib import Path

from fieldmark.artifact.card import write_card
from fieldmark.artifact.manifest import MANIFEST, Manifest
from fieldmark.atomic import atomic_file

__all__ = ["write_manifest"]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace ``fieldmark.json`` atomically, then the model card."""
    with atomic_file(folder / MANIFEST) as draft:
        draft.write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    with atomic_file(folder / "README.md") as draft:
        draft.write_text(write_card(manifest), encoding="utf-8")
