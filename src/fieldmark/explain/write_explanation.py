"""An explanation as a folder: pictures for people, ``explain.json`` for programs."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from fieldmark.atomic import atomic_folder, require_empty, require_place
from fieldmark.errors import SettingError
from fieldmark.explain.evidence import PhotoEvidence
from fieldmark.explain.overlay import attention_overlay, contrast_overlay, map_overlay

__all__ = ["JSON_FILE", "check_explanation_folder", "write_evidence"]

JSON_FILE = "explain.json"


def check_explanation_folder(out: Path) -> None:
    """Refuse a folder with other things in it; an earlier explanation may be replaced.

    Raises:
        SettingError: `out` is a file, or holds something else.
    """
    if not (out.is_dir() and (out / JSON_FILE).is_file()):
        require_empty(out)
        return
    require_place(out)
    foreign = sorted(file.name for file in out.iterdir() if file.suffix != ".png" and file.name != JSON_FILE)
    if foreign:
        raise SettingError(
            f"expected a new folder or an earlier explanation at {out}, found {foreign[0]} in it: choose another folder"
        )


def write_evidence(evidence: PhotoEvidence, photo: Image.Image, out: Path) -> list[Path]:
    """Write ``contrast.png``, ``map.png``, ``explain.json``, and ``attention.png`` where a method says where it looked.

    Args:
        evidence: Of the photo.
        photo: Upright, as `to_image` gives it.
        out: The folder; it appears whole or not at all.

    Returns:
        The files, the most telling first.

    Raises:
        SettingError: `out` holds something else.
    """
    check_explanation_folder(out)
    pictures = {"contrast.png": contrast_overlay(evidence, photo), "map.png": map_overlay(evidence, photo)}
    if evidence.attention is not None or evidence.regions:
        pictures["attention.png"] = attention_overlay(evidence, photo)
    with atomic_folder(out) as draft:
        for name, picture in pictures.items():
            picture.save(draft / name)
        content = json.dumps(evidence.to_dict(), ensure_ascii=False, separators=(",", ":"))
        (draft / JSON_FILE).write_text(content + "\n", encoding="utf-8", errors="backslashreplace")
    return [out / name for name in (*pictures, JSON_FILE)]
