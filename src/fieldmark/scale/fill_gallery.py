"""Add photos to the gallery of a model from embeddings that bulk work wrote, so that no machine embeds all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from fieldmark.arrays import Float32s
from fieldmark.artifact.data_place import find_data
from fieldmark.artifact.gallery import GalleryRow
from fieldmark.artifact.generations import changing
from fieldmark.artifact.load import load_split
from fieldmark.artifact.load_fitted import load_gallery, load_open_set
from fieldmark.artifact.manifest import Manifest
from fieldmark.data.photos.stored_photo import is_stored
from fieldmark.data.readers._columns import label_columns
from fieldmark.errors import DataError, SettingError
from fieldmark.openset.projection import Projection
from fieldmark.progress import track
from fieldmark.scale.result_store import ResultStore, store_at

__all__ = ["GalleryGrowth", "add_known_photos"]

ADDED = "added"
"""The split of photos that came from embeddings."""


@dataclass(slots=True)
class GalleryGrowth:
    """What adding photos did.

    Attributes:
        added: Photos that are new in the gallery.
        known: Photos that were there, or that the embeddings name twice.
        test: Photos of the model's test split, which are left out.
        unreadable: Photos without an embedding.
        unlabelled: Photos without a class.
        photos: Photos in the gallery now.
    """

    added: int = 0
    known: int = 0
    test: int = 0
    unreadable: int = 0
    unlabelled: int = 0
    photos: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return the object that ``gallery --json`` prints."""
        return asdict(self)


def add_known_photos(
    model: str | Path, embeddings: str, *, label_col: str | None = None, by_folder: bool = False
) -> GalleryGrowth:
    """Add the photos of embeddings to the gallery of a model, in a new generation.

    Photos whose path is there already stay as they are, so that the same call can follow when more are embedded. Memory
    grows with the number of photos by their paths only.

    Args:
        model: The model folder.
        embeddings: What ``embed`` wrote with this model: a folder, an address or a Lance table.
        label_col: The column that names the class, where it has no usual name.
        by_folder: Whether the folder of each photo names its class.

    Raises:
        DataError: There are no embeddings, or they are those of another model.
        SettingError: No column names the class.
        ModelError: The model has no gallery, or it cannot be written.
    """
    store = store_at(embeddings, "embeddings")
    with changing(Path(model)) as change:
        manifest = change.current
        assert manifest is not None
        gallery = load_gallery(change.folder, manifest)
        _require_embeddings(store, embeddings, manifest)
        column = None if by_folder else _label_column(store, embeddings, label_col)
        names = _PhotoNames(find_data(manifest.data, change.folder), store)
        test = {row.path for row in load_split(change.folder, manifest) if row.split == "test"}
        projection = load_open_set(change.folder, manifest).state.projection
        offered = _Offered(store, names, column, test, projection)
        facts = gallery.extend(offered.batches(), projection.dim)
        found = offered.found
        found.photos = facts.rows
        offers, found.added = found.added, facts.rows - gallery.facts.rows
        found.known += offers - found.added
        if found.added:
            change.commit(manifest.model_copy(update={"gallery": facts}), f"add {found.added:,} known photo(s)")
    return found


@dataclass(slots=True)
class _Offered:
    """The photos that may be new.

    Attributes:
        store: The embeddings.
        names: Their names in the gallery.
        column: The column that names the class; None where the folder does.
        test: Names of the model's test photos.
        projection: That of the model.
        found: Is counted while the batches are read; `added` counts all that are offered.
    """

    store: ResultStore
    names: _PhotoNames
    column: str | None
    test: set[str]
    projection: Projection
    found: GalleryGrowth = field(default_factory=GalleryGrowth)

    def batches(self) -> Iterator[tuple[list[GalleryRow], Float32s]]:
        """Yield rows, and their vectors (n, d)."""
        seen: set[str] = set()
        wanted = ["path", "embedding", *([] if self.column is None else [self.column])]
        for table in track(self.store.tables(wanted), "adding photos"):
            paths = table["path"].to_pylist()
            labels = [_folder_of(path) for path in paths] if self.column is None else table[self.column].to_pylist()
            readable = table["embedding"].is_valid().to_pylist()
            kept: list[int] = []
            rows: list[GalleryRow] = []
            for index, (path, label) in enumerate(zip(paths, labels, strict=True)):
                name = self.names.of(path)
                if not readable[index]:
                    self.found.unreadable += 1
                elif not label:
                    self.found.unlabelled += 1
                elif name in self.test:
                    self.found.test += 1
                elif name in seen:
                    self.found.known += 1
                else:
                    seen.add(name)
                    kept.append(index)
                    rows.append(GalleryRow(name, str(label), ADDED))
            if rows:
                self.found.added += len(rows)
                yield rows, self.projection(_vectors(table, kept))


class _PhotoNames:
    """Names of photos in a gallery, which tell nothing of this computer's folders.

    A photo among those of the model has its path there, and an address stays. Others are named by their path in the
    folder that holds all of them.

    Args:
        data: The photos of the model.
        store: The embeddings.
    """

    def __init__(self, data: Path, store: ResultStore) -> None:
        self._folders: dict[str, str] = {}
        self._data = os.path.realpath(data if data.is_dir() else data.parent)
        paths = (path for table in store.tables(["path"]) for path in table["path"].to_pylist() if path)
        places = {self._place(path)[0] for path in paths if not _is_address(path)}
        outside = [folder for folder in places if not self._is_inside(folder)]
        self._common = os.path.commonpath(outside) if outside else ""

    def of(self, path: str) -> str:
        """Return the name of a photo."""
        if _is_address(path):
            return path
        folder, name = self._place(path)
        start = self._data if self._is_inside(folder) else self._common
        return PurePath(os.path.relpath(folder, start), name).as_posix()

    def _place(self, path: str) -> tuple[str, str]:
        """Return the real folder of a photo, and the name of its file."""
        folder, _, name = path.removeprefix("file://").rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder or ".")
        return self._folders[folder], name

    def _is_inside(self, folder: str) -> bool:
        return f"{folder}{os.sep}".startswith(f"{self._data}{os.sep}")


def _is_address(path: str) -> bool:
    return is_stored(path) and not path.startswith("file://")


def _require_embeddings(store: ResultStore, place: str, manifest: Manifest) -> None:
    job = store.job()
    if job is None or "gallery" not in job:
        raise DataError(
            f"expected embeddings at {place}, found none: write them with fieldmark embed, or check the path"
        )
    if manifest.gallery is None or job["gallery"] != manifest.gallery.key:
        raise DataError(f"the embeddings at {place} are those of another model: embed the photos with this one")


def _label_column(store: ResultStore, place: str, wanted: str | None) -> str:
    """Return the column that names the class."""
    first: Any = next(iter(store.tables()), None)
    titles = {} if first is None else {title.lower(): title for title in first.column_names}
    column = label_columns(titles) if wanted is None else wanted.lower()
    if column not in titles:
        listed = ", ".join(titles.values()) or "none"
        advice = "correct --label-col" if wanted else "name it with --label-col, or give --by-folder"
        raise SettingError(f"expected a column '{wanted or 'label'}' in {place}, but it has: {listed}; {advice}")
    return str(titles[column])


def _folder_of(path: str) -> str:
    return PurePath(path).parent.name


def _vectors(table: Any, rows: Sequence[int]) -> Float32s:
    """Return the embeddings (n, D) of some rows."""
    held = table["embedding"].take(rows).combine_chunks()
    return np.asarray(held.flatten().to_numpy(zero_copy_only=False), dtype=np.float32).reshape(len(rows), -1)
