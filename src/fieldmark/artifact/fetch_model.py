"""Fetch a model from the Hugging Face Hub into its cache, and look at it as at any model of a stranger."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from fieldmark.artifact.gallery import GALLERY_FOLDER
from fieldmark.artifact.hub_access import HubName, endpoint, hub_errors, hub_library, parse_hub_name
from fieldmark.artifact.load import load_manifest, verified_file
from fieldmark.artifact.manifest import MANIFEST, Manifest
from fieldmark.atomic import atomic_file
from fieldmark.errors import ModelError

__all__ = ["local_model"]


def local_model(model: str | Path) -> Path:
    """Return the folder of a model: the path itself, or the fetched folder of ``hf://user/name[@revision]``.

    Only the files that the manifest names are fetched, each but those of the gallery is compared with its checksum,
    and nothing that the model names may lie outside its folder. Files that are in the cache are not fetched again;
    without a network, a model that was fetched before is read from the cache.

    Raises:
        ModelError: There is no such model, it is damaged, it names files outside its folder, or the Hub cannot be
            reached.
        SettingError: The name is not valid, or the extra ``hub`` is not installed.
    """
    name = parse_hub_name(model)
    if name is None:
        return Path(model)
    folder = _fetch(name, [MANIFEST])
    if not (folder / MANIFEST).is_file():
        raise ModelError(f"{name.repo} on the Hub holds no {MANIFEST}: it is no Fieldmark model")
    manifest = load_manifest(folder)
    _demand_inside(name, manifest)
    gallery = [] if manifest.gallery is None else [f"{GALLERY_FOLDER}/{manifest.gallery.table}.lance/*"]
    # The commit of the manifest, so that all files are of one state of the repository.
    folder = _fetch(HubName(name.repo, folder.name), [MANIFEST, *manifest.checksums, *gallery])
    for file in manifest.checksums:
        verified_file(folder, manifest, file)
    return folder


def _fetch(name: HubName, files: list[str]) -> Path:
    hub = hub_library()
    wanted = [file.replace("[", "[[]") for file in files]  # patterns of fnmatch
    options = {"revision": name.revision, "allow_patterns": wanted, "endpoint": endpoint(), "library_name": "fieldmark"}
    with hub_errors(name):
        return _without_links(Path(hub.snapshot_download(name.repo, **options)))


def _without_links(snapshot: Path) -> Path:
    """Return a folder with the files of a snapshot, which are links to other folders of the cache.

    A model with links out of its folder is refused. The files share their disk space with those of the cache.
    """
    plain = snapshot.parent.parent / "plain" / snapshot.name
    for file in snapshot.rglob("*"):
        place = plain / file.relative_to(snapshot)
        if file.is_file() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):  # another process was faster
                _link_or_copy(file.resolve(), place)
    return plain


def _link_or_copy(file: Path, place: Path) -> None:
    try:
        os.link(file, place)
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links
        with atomic_file(place) as draft:
            shutil.copyfile(file, draft)


def _demand_inside(name: HubName, manifest: Manifest) -> None:
    """Refuse a gallery outside of the folder; the manifest itself accepts no names of files that lie elsewhere."""
    if manifest.gallery is not None and manifest.gallery.uri != GALLERY_FOLDER:
        raise ModelError(
            f"the model {name.repo} names '{manifest.gallery.uri}', which is not in its folder: do not use it"
        )
