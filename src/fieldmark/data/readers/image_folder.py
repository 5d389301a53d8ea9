"""Folders of photos: one folder a class, in train/val/test or not, below folders of coarser ranks or not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from fieldmark.data.label_names import fold_name
from fieldmark.data.photos.photo_files import Folder, scan
from fieldmark.data.readers import register_reader
from fieldmark.data.readers._folder_notes import folder_notes, is_unlabelled
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._tree import Chain, qualify
from fieldmark.data.readers._unread_tables import refuse_containers, unread_tables
from fieldmark.errors import DataError
from fieldmark.structures import Record, RecordList, Split

__all__ = ["read", "recognises"]

logger = logging.getLogger(__name__)


_NAMES_FILE = "cat_to_name.json"


class _ClassFolder(NamedTuple):
    chain: Chain
    split: Split | None
    folder: Folder


def recognises(root: Path) -> bool:
    """Any folder may be one of class folders: this layout is tried last."""
    return root.is_dir()


@register_reader("image_folder", recognises=recognises, before=None)
def read(root: Path) -> RecordList:
    """Read a folder of class folders.

    Folders above the class folders are its taxonomy (``root/family/genus/species/photo.jpg``); levels at the
    top that hold a single folder are passed through. Hidden files are passed over. Other files that are not photos, and
    folders of other programs, are left out with a note. Where ``cat_to_name.json`` names the class folders, its names
    are the classes.

    Args:
        root: The folder with class folders, or with ``train``, ``val`` (or ``valid``, ``validation``,
            ``dev``) and ``test`` that hold class folders.

    Returns:
        Records sorted by split and path; classes sorted by name. Class folders that share a name in different
        branches are named with as much of their path as tells them apart.

    Raises:
        DataError: There are no photos, they lie at different depths, splits and class folders are mixed, or the folders
            are containers beside a table that was not read.
    """
    everything = scan(root)
    top = _pass_through(_without_unlabelled(everything))
    if not top.photos and not top.folders:
        raise DataError(f"expected photos in class folders in {root}, found no photo: give the folder that holds them")
    parts = _parts(top, root)
    found = [_ClassFolder(chain, split, folder) for split, part in parts for chain, folder in _walk(part, (), root)]
    if not found:
        raise DataError(
            f"expected a folder for each class in {root}, found photos outside of any: move each into the "
            f"folder of its class{unread_tables(root)}"
        )
    refuse_containers(root, [item.folder for item in found])
    _say_left_out([top, *(part for _, part in parts if part is not top)])
    chains = _without_common_top([item.chain for item in found], root)
    names = qualify(chains)
    classes = sorted({names[chain][-1] for chain in chains})
    labels = {name: label for label, name in enumerate(classes)}
    photos = [
        Record(item.folder.path / photo, labels[names[chain][-1]], item.split, taxonomy=names[chain][:-1])
        for item, chain in zip(found, chains, strict=True)
        for photo in item.folder.photos
    ]
    ranks = [f"level_{level}" for level in range(1, len(chains[0]))]
    notes = list(folder_notes(everything))
    classes = _written_names(root, top.path, classes)
    return RecordList(photos, classes, name="image_folder", root=root, ranks=ranks, notes=notes)


def _without_unlabelled(folder: Folder) -> Folder:
    """The folder without those that are named as holding photos without labels, such as ``_unlabeled``."""
    kept = {name: _without_unlabelled(inner) for name, inner in folder.folders.items() if not is_unlabelled(name)}
    return replace(folder, folders=kept)


def _written_names(root: Path, top: Path, classes: list[str]) -> list[str]:
    """The names that ``cat_to_name.json`` gives to class folders; the folders' own where there is none."""
    path = next((folder / _NAMES_FILE for folder in (root, top, root.parent) if (folder / _NAMES_FILE).is_file()), None)
    try:
        names = {} if path is None else json.loads(path.read_text(encoding="utf-8-sig"))
        written = [fold_name(str(names[name])) for name in classes] if isinstance(names, dict) else []
    except (KeyError, ValueError):
        return classes
    return written if len(set(written)) == len(classes) else classes


def _pass_through(folder: Folder) -> Folder:
    """Down through folders that only wrap another one, as archives do when they are unpacked."""
    while not folder.photos and len(folder.folders) == 1:
        (name, inner), *_ = folder.folders.items()
        if split_named(name) or not inner.folders or inner.photos:
            break
        folder = inner
    return folder


def _parts(top: Folder, root: Path) -> list[tuple[Split | None, Folder]]:
    """The folders of the splits, or the whole folder without split."""
    splits = {name: split for name in top.folders if (split := split_named(name))}
    others = [name for name in top.folders if name not in splits]
    nested = [name for name in splits if top.folders[name].folders]
    if others and nested:
        raise DataError(
            f"expected only train, val and test, or only class folders, in {root}, found '{nested[0]}' with "
            f"class folders beside '{others[0]}': move one of them out"
        )
    if others or not splits:
        return [(None, top)]
    order = ("train", "val", "test")
    return sorted(((splits[name], top.folders[name]) for name in splits), key=lambda part: order.index(part[0]))


def _walk(top: Folder, chain: Chain, root: Path) -> Iterator[tuple[Chain, Folder]]:
    """Every folder below `top` with photos directly in it, with the names on the way there."""
    for name, folder in top.folders.items():
        below = (*chain, fold_name(name))
        if folder.photos and folder.folders:
            raise _depth_error(root, "/".join(below), "/".join((*below, next(iter(folder.folders)))))
        if folder.photos:
            yield below, folder
        yield from _walk(folder, below, root)


def _say_left_out(folders: Iterable[Folder]) -> None:
    """Photos beside the class folders have no label: a test split of a competition, or a stray picture."""
    for folder in folders:
        if folder.photos:
            logger.warning(
                f"left out {len(folder.photos):,} photos directly in {folder.path}: they have no class folder"
            )


def _without_common_top(chains: list[Chain], root: Path) -> list[Chain]:
    """Chains of one length, without the levels at the top that hold a single name."""
    other = next((chain for chain in chains if len(chain) != len(chains[0])), None)
    if other is not None:
        raise _depth_error(root, "/".join(chains[0]), "/".join(other))
    common = 0
    while common < len(chains[0]) - 1 and len({chain[common] for chain in chains}) == 1:
        common += 1
    return [chain[common:] for chain in chains]


def _depth_error(root: Path, one: str, other: str) -> DataError:
    return DataError(
        f"expected every class folder at one depth in {root}, found photos in '{one}' and in '{other}': "
        "move them to one depth"
    )
