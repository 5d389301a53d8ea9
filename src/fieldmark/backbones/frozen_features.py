"""Compute descriptors of photos with a frozen module once, and keep them in the cache."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float32s, Ints, Pixels
from fieldmark.backbones.feature_cache import FeatureCache, cache_root, row_key
from fieldmark.backbones.module_key import module_key
from fieldmark.backbones.runners.device import Device
from fieldmark.backbones.runners.run_images import ACTIVATION, find_objects
from fieldmark.backbones.runners.runner import Runner
from fieldmark.cores import available_cpus
from fieldmark.data.photos.open_photo import content_key, open_photo
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.data.photos.tiles import tile_views, tiles_of
from fieldmark.data.photos.views import draft_side, with_mirrored, zoomed_views
from fieldmark.data.photos.zoom import Zoom, give_box, given_box, zoom_region
from fieldmark.errors import PhotoError
from fieldmark.progress import progress_bar
from fieldmark.structures import Box, Record

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FeatureTable", "FrozenFeatures", "KeptGraph"]


@dataclass(frozen=True, slots=True)
class KeptGraph:
    """A module that was exported before, so that PyTorch need not be imported to run it on a CPU.

    Attributes:
        key: Its `module_key`.
        content: Its ONNX file; see `export_graph`.
    """

    key: str
    content: bytes


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Rows and columns of some records' descriptors in the cache.

    Attributes:
        rows: (n, V) row numbers, -1 for photos that cannot be read. The views are the photo and, where they were read,
            its mirror image; with zoom, as many zoomed ones follow.
        columns: Name of the descriptor -> its columns.
        failed: Position of the record -> why its photo cannot be read.
    """

    cache: FeatureCache
    rows: Ints
    columns: Mapping[str, slice]
    failed: Mapping[int, str]

    def read(self, name: str, records: Ints | slice = slice(None), view: int = 0) -> NDArray[np.float32]:
        """Return one descriptor of one view, (n, D_name) float32.

        Raises:
            PhotoError: One of the photos cannot be read.
        """
        for position in np.arange(len(self.rows))[records] if self.failed else ():
            if int(position) in self.failed:
                raise PhotoError(self.failed[int(position)])
        return self.cache.read(self.rows[records, view], self.columns[name])

    @property
    def views(self) -> int:
        return int(self.rows.shape[1])


class FrozenFeatures:
    """Descriptors of photos from a module that no longer changes.

    Args:
        module: Maps normalised images (B, 3, S, S) to a dict of descriptors (B, D_name), and is put in evaluation mode;
            or the graph of such a module.
        dims: Name -> D_name of that dict.
        preprocess: Preprocessing of the photos.
        root: Folder of the cache; see `cache_root`.
        device: Where the module runs; see `choose_device`. Cached rows do not depend on it, nor on
            the runner, but for rounding.
        pixels: Photos that are decoded already.
    """

    def __init__(
        self,
        module: nn.Module | KeptGraph,
        dims: Mapping[str, int],
        preprocess: Preprocess,
        root: Path | None = None,
        *,
        device: Device = "auto",
        pixels: PixelStore | None = None,
    ) -> None:
        self.device = device
        self.pixels = pixels
        self.module = module if isinstance(module, KeptGraph) else module.eval()
        self.preprocess = preprocess
        self.columns: dict[str, slice] = {}
        start = 0
        for name, dim in dims.items():
            self.columns[name] = slice(start, start + dim)
            start += dim
        self.key = module.key if isinstance(module, KeptGraph) else module_key(module, preprocess, list(dims))
        self._cache = FeatureCache((root or cache_root()) / "features" / self.key, start)

    def extract(
        self,
        records: Sequence[Record],
        *,
        mirror: bool = True,
        zoom: Zoom | None = None,
        boxes: Sequence[Box | None] | None = None,
        content_keys: Mapping[Path, str] | None = None,
        description: str = "reading photos",
    ) -> FeatureTable:
        """Return descriptors of every record; compute those that are not in the cache.

        Args:
            records: The photos.
            mirror: Also compute the mirrored view.
            zoom: Also compute views that are zoomed in on the object; with `Zoom.tiles` only those. Where `boxes` do
                not say where it is, the module's output `ACTIVATION` does.
            boxes: Where each record shows its object, xyxy in pixels; it is looked for where the box is None. With
                `Zoom.tiles`, every readable record has one.
            content_keys: Known `content_key` of files, to avoid reading them again.
            description: Text before the progress bar.
        """
        known = content_keys or {}
        contents, failed = _contents(records, known)

        def keys_of(position: int, zoomed: str = "") -> list[bytes]:
            trim, flips = records[position].trim_bottom, (False, True) if mirror else (False,)
            return [row_key(contents[position], trim_bottom=trim, mirror=flip, zoom=zoomed) for flip in flips]

        keys = [keys_of(position) for position in range(len(records))]

        def load_whole(position: int) -> Pixels:
            return self._whole(records[position], contents[position], mirror)

        if zoom is None or zoom.joins:
            failed |= self._compute(keys, failed, load_whole, description)
        if zoom is not None:
            given = [None] * len(records) if boxes is None else boxes
            zoomed = [keys_of(position, f"{zoom}{box or ''}") for position, box in enumerate(given)]

            def load_zoomed(position: int) -> Pixels:
                return self._zoomed(records[position], keys[position], zoom, given[position])

            failed |= self._compute(zoomed, failed, load_zoomed, f"{description}, zoomed in")
            keys = [[*whole, *more] for whole, more in zip(keys, zoomed, strict=True)] if zoom.joins else zoomed
        views = (2 if mirror else 1) * (2 if zoom and zoom.joins else 1)
        rows = np.stack([self._cache.rows_of([one[view] for one in keys]) for view in range(views)], axis=1)
        return FeatureTable(self._cache, rows, self.columns, failed)

    def extract_tiles(
        self,
        records: Sequence[Record],
        tiles: int,
        *,
        content_keys: Mapping[Path, str] | None = None,
        description: str = "reading tiles",
    ) -> FeatureTable:
        """Return descriptors of the tiles of every record, one view for each tile of `tile_views`.

        Args:
            records: The photos.
            tiles: Tiles side by side along each side; see `tile_views`.
            content_keys: See `extract`.
            description: Text before the progress bar.
        """
        contents, failed = _contents(records, content_keys or {})
        count = tiles_of(tiles)
        keys = [
            [row_key(content, trim_bottom=record.trim_bottom, zoom=f"tile {tile} of {count}") for tile in range(count)]
            for content, record in zip(contents, records, strict=True)
        ]

        def load(position: int) -> Pixels:
            record, side = records[position], draft_side(self.preprocess, 1, Zoom(tiles=tiles))
            photo = open_photo(record.path, trim_bottom=record.trim_bottom, draft=(side, side))
            return tile_views(photo, self.preprocess, tiles)

        failed |= self._compute(keys, failed, load, description)
        rows = np.stack([self._cache.rows_of([one[tile] for one in keys]) for tile in range(count)], axis=1)
        return FeatureTable(self._cache, rows, self.columns, failed)

    def _open_runner(self) -> Runner:
        """Open what runs the module."""
        from fieldmark.backbones.runners.choose_runner import module_runner
        from fieldmark.backbones.runners.cpu_runner import CpuRunner

        module = self.module
        if isinstance(module, KeptGraph):
            return CpuRunner(module.content)
        return module_runner(module, self.preprocess, list(self.columns), self.device)

    def _whole(self, record: Record, content: str, mirror: bool) -> Pixels:
        """Return the views of the whole photo, (1 or 2, S, S, 3)."""
        held = None if self.pixels is None else self.pixels.find(content, record.trim_bottom, self.preprocess)
        looks = (load_array(record, self.preprocess) if held is None else held)[None]
        return with_mirrored(looks) if mirror else looks

    def _zoomed(self, record: Record, keys: Sequence[bytes], zoom: Zoom, box: Box | None) -> Pixels:
        """Return as many zoomed views; the object lies in the box, or where the activation of the whole photo says."""
        side = draft_side(self.preprocess, len(keys), zoom)
        image = open_photo(record.path, trim_bottom=record.trim_bottom, draft=(side, side))
        if box is not None:
            with contextlib.suppress(PhotoError):  # a box outside of the photo, which `check` reports
                give_box(image, box)
        found = given_box(image)
        if found is None:
            activations = self._cache.read(self._cache.rows_of(keys), self.columns[ACTIVATION])
            (found,) = find_objects(activations[None], [image], self.preprocess, zoom)
        return zoomed_views(image, self.preprocess, len(keys), zoom_region(found, image.size, zoom))

    def _compute(
        self,
        keys: Sequence[Sequence[bytes]],
        failed: Mapping[int, str],
        load: Callable[[int], Pixels],
        description: str,
    ) -> dict[int, str]:
        """Compute the rows of the views that are not in the cache, and return why photos cannot be read.

        Args:
            keys: Of each view of each photo.
            failed: Photos to leave out.
            load: Position of a photo to its views (V, S, S, 3).
            description: Text before the progress bar.
        """
        from fieldmark.backbones.runners.batches import in_batches, load_good
        from fieldmark.backbones.runners.pass_clock import PassClock

        missing = [
            position
            for position, views in enumerate(keys)
            if position not in failed and not all(key in self._cache for key in views)
        ]
        if not missing:
            return {}
        runner = self._open_runner()
        runner.expect(len(missing))
        newly: dict[int, str] = {}
        threads = available_cpus()
        clock = PassClock(threads)

        def work(positions: Sequence[int]) -> tuple[list[int], Float32s | None, list[tuple[int, str]]]:
            good, arrays, bad = load_good(positions, load, clock)
            if not good:
                return good, None, bad
            with clock.computing():
                outputs = runner.run_stack(np.stack(arrays))
            return good, np.concatenate([outputs[name] for name in self.columns], axis=-1), bad

        with progress_bar() as bar:
            task = bar.add_task(description, total=len(missing))
            # A photo and its mirror image count as one; with many tiles, a call holds fewer photos.
            size = max(1, 2 * runner.batch_size(self.preprocess.image_size) // max(2, len(keys[missing[0]])))
            for good, rows, bad in in_batches(missing, work, batch_size=size, threads=threads):
                newly.update(bad)
                if rows is not None:
                    for view in range(rows.shape[1]):
                        self._cache.append([keys[position][view] for position in good], rows[:, view])
                bar.advance(task, len(good) + len(bad))
        clock.report(len(missing), description, runner.description)
        return newly


def _contents(records: Sequence[Record], known: Mapping[Path, str]) -> tuple[list[str], dict[int, str]]:
    """Return the content key of each record, and why those cannot be read that have none."""
    contents: list[str] = []
    failed: dict[int, str] = {}
    for position, record in enumerate(records):
        try:
            contents.append(known.get(record.path) or content_key(record.path))
        except PhotoError as error:
            failed[position] = str(error)
            contents.append("")
    return contents, failed
