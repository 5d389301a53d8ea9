"""Layouts of class folders in train, val and test, optionally inside folders of family and genus."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from fieldmark_synth.layouts.base import Layout, slug
from fieldmark_synth.records import Photo, Shot
from fieldmark_synth.species import Species

__all__ = ["FOLDER", "NESTED"]


def _flat(shots: list[Shot], species: list[Species]) -> list[PurePosixPath]:
    return [PurePosixPath(shot.split, species[shot.label].name, _name(shot, species)) for shot in shots]


def _nested(shots: list[Shot], species: list[Species]) -> list[PurePosixPath]:
    return [_below_genus(shot, species[shot.label]) / _name(shot, species) for shot in shots]


def _below_genus(shot: Shot, species: Species) -> PurePosixPath:
    return PurePosixPath(shot.split, species.family, species.genus, species.name)


def _name(shot: Shot, species: list[Species]) -> str:
    return f"{slug(species[shot.label])}-{shot.number + 1:04d}.jpg"


def _describe(root: Path, species: list[Species], photos: list[Photo]) -> None:
    """Write nothing: the folders hold all annotations."""


FOLDER = Layout("folder", _flat, _describe)
NESTED = Layout("nested", _nested, _describe)
